// Entry of a service whose commits take so many milliseconds: `node slow-service.ts <ms>`.
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

const runtime = await start(config, 'test', logger, fail, {
  probe: async (point) => {
    if (point === 'after-lock') await setTimeout(Number(process.argv[2]));
  },
});
logger.info({ url: runtime.url }, 'listening');
