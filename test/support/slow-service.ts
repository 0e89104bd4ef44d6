// Entry of a service whose first commit takes so many milliseconds, and the next one until SIGUSR2: `node slow-service.ts <ms>`.
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { start } from '../../src/runtime.ts';

const config = loadConfig(process.env, (path) => readFileSync(path, 'utf8'));
const logger = createLogger(config.LOG_LEVEL);

const fail = (error: Error): never => {
  throw error;
};

const isOver = Promise.withResolvers<void>();
process.once('SIGUSR2', () => isOver.resolve());
let isFirst = true;

const runtime = await start(config, 'test', logger, fail, {
  probe: async (point) => {
    if (point !== 'after-lock') return;
    await (isFirst ? setTimeout(Number(process.argv[2])) : isOver.promise);
    isFirst = false;
  },
});
logger.info({ url: runtime.url }, 'listening');
