// What every program of ours does as a process: alone reads the environment, handles signals and exits.
import { readFileSync } from 'node:fs';
import closeWithGrace from 'close-with-grace';
import { ConfigError, type Environment } from './config.ts';
import { createLogger, type Logger } from './observability/logger.ts';

type ProcessSettings = { readonly LOG_LEVEL: string; readonly SHUTDOWN_GRACE_MS: number };

export type Running = {
  /** Where it listens, as `http://host:port`. */
  readonly url: string;
  readonly opsUrl?: string | null;
  close(): Promise<void>;
};

/** Runs a program until a signal or an unhandled error ends it; a setting that is wrong ends it with one line. */
export async function runAsProcess<C extends ProcessSettings>(
  readConfig: (env: Environment, readFile: (path: string) => string) => C,
  start: (config: C, version: string, logger: Logger, onFatal: (error: Error) => void) => Promise<Running>,
): Promise<void> {
  const config = orEnd(() => readConfig(process.env, (path) => readFileSync(path, 'utf8')));
  const logger = createLogger(config.LOG_LEVEL);
  process.once('exit', () => logger.flush());
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };

  // Installed before anything is opened, so that a signal or an error during the start is handled like any other.
  let running: Running | undefined;
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
      await running?.close();
    },
  );

  try {
    running = await start(config, version, logger, endWithOneLine);
    logger.info({ url: running.url, opsUrl: running.opsUrl, version }, 'listening');
  } catch (error) {
    endWithOneLine(error as Error);
  }
}

function orEnd<T>(read: () => T): T {
  try {
    return read();
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
