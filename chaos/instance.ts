// An instance of the service like src/main.ts, but with the hooks that only tests may set: CHAOS_CONTROL names the
// check that its save script goes without.
import closeWithGrace from 'close-with-grace';
import { readFileSync } from 'node:fs';
import { loadConfig } from '../src/config.ts';
import { createLogger } from '../src/observability/logger.ts';
import { start, type TestHooks } from '../src/runtime.ts';
import { controlledScript } from './script-control.ts';

const config = loadConfig(process.env, (path) => readFileSync(path, 'utf8'));
const logger = createLogger(config.LOG_LEVEL);

let close = async (): Promise<void> => {};
closeWithGrace({ delay: config.SHUTDOWN_GRACE_MS + 1_000, logger: false }, async ({ err, signal }) => {
  if (err !== undefined) {
    logger.fatal({ err }, 'unhandled error');
    return;
  }
  logger.info({ signal }, 'shutting down');
  await close();
});

const runtime = await start(config, 'chaos', logger, endAtOnce, readHooks());
close = () => runtime.close();
logger.info({ url: runtime.url, control: process.env['CHAOS_CONTROL'] }, 'listening');

function readHooks(): TestHooks {
  const control = process.env['CHAOS_CONTROL'];
  return { saveScript: control === undefined ? undefined : controlledScript(control) };
}

function endAtOnce(error: Error): never {
  process.stderr.write(`chaos instance: ${error.message}\n`);
  process.exit(1);
}
