// Process entry: alone reads the environment, handles signals and exits.
import { readFileSync } from 'node:fs';
import closeWithGrace from 'close-with-grace';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { createLogger } from './observability/logger.ts';
import { start } from './runtime.ts';

const config = readConfig();
const logger = createLogger(config.LOG_LEVEL);
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// Installed before anything is opened, so that a signal or an error during the start is handled like any other.
let close = async (): Promise<void> => {};
closeWithGrace(
  {
    // Each step of the shutdown has a deadline of its own; this one is for a step that blocks the process.
    delay: config.SHUTDOWN_GRACE_MS + 1_000,
    logger: false,
    onTimeout: () => logger.fatal('shutdown took too long'),
    onSecondSignal: (signal) => logger.fatal({ signal }, 'second signal, exiting at once'),
    onSecondError: (error) => logger.fatal({ err: error }, 'error during shutdown'),
  },
  async ({ err, signal }) => {
    // After an unknown error the process is in an unknown state: it says so once and ends without serving on.
    if (err !== undefined) {
      logger.fatal({ err }, 'unhandled error');
      return;
    }
    logger.info({ signal }, 'shutting down');
    await close();
  },
);

try {
  const runtime = await start(config, version, logger, endWithOneLine);
  close = () => runtime.close();
  logger.info({ url: runtime.url, opsUrl: runtime.opsUrl, version }, 'listening');
} catch (error) {
  endWithOneLine(error as Error);
}

function readConfig(): Config {
  try {
    return loadConfig(process.env, (path) => readFileSync(path, 'utf8'));
  } catch (error) {
    return endWithOneLine(error as Error);
  }
}

/** What an operator has to mend gets one readable line; anything else is a bug and keeps its stack. */
function endWithOneLine(error: Error): never {
  const isOperators = error instanceof ConfigError || 'syscall' in error;
  process.stderr.write(`item-integration: ${isOperators ? error.message : (error.stack ?? error.message)}\n`);
  process.exit(1);
}
