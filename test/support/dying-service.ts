// Entry of a service that kills its own process at a fault point: `node dying-service.ts <point> <nth visit>`.
import { readFileSync, writeSync } from 'node:fs';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { start } from '../../src/runtime.ts';

const [, , diesAt, nthVisit] = process.argv;
const config = loadConfig(process.env, (path) => readFileSync(path, 'utf8'));
const logger = createLogger(config.LOG_LEVEL);
let visitsLeft = Number(nthVisit);

const fail = (error: Error): never => {
  throw error;
};

const runtime = await start(config, 'test', logger, fail, {
  probe(point) {
    if (point !== diesAt || --visitsLeft > 0) return;
    // Nothing may happen between the two: the point is where it dies, and its last line says so.
    writeSync(1, `${JSON.stringify({ level: 'info', msg: 'died', point })}\n`);
    process.kill(process.pid, 'SIGKILL');
  },
});
logger.info({ url: runtime.url }, 'listening');
