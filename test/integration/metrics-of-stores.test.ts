// Metrics of a Redis that cannot take a write: a node of the test's own is brought into each such state, and the service
// counts its commits by the reason.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scrape, sumOf } from '../support/metrics-text.ts';
import { repeat, type Repeated } from '../support/repeat.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ServiceProcess } from '../support/service-process.ts';

const eventually = { timeout: 30_000, interval: 20 };
/** Loaded one after the other, so that loading them lasts until the test says otherwise. */
const KEYS_TO_LOAD = 20_000;
const LOAD_DELAY_US = 5_000;

let server: RedisServer;
/** Its operator. */
let redis: Redis;
let service: ServiceProcess;
let url: string;

const startService = (settings: Readonly<Record<string, string>> = {}) =>
  new ServiceProcess({ REDIS_URL: server.url, LOG_LEVEL: 'info', ...settings });

beforeAll(async () => {
  server = await RedisServer.started();
  redis = new Redis(server.url);
  // It is asked before it listens.
  redis.on('error', () => {});
  service = startService();
  url = await service.ready();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

const failures = async (at: string, reason: string): Promise<number> =>
  sumOf(await scrape(at), 'replication_ack_failures_total', `reason="${reason}"`);

let round = 0;
async function post(at: string): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ content: `content ${round++}` });
  const answer = await fetch(`${at}/v1/items`, { method: 'POST', headers, body });
  await answer.arrayBuffer();
  return answer.status;
}
const info = async (name: string): Promise<string | undefined> =>
  new RegExp(`^${name}:(.*)\r$`, 'm').exec(await redis.info())?.[1];

type Fault = { readonly start: () => Promise<unknown>; readonly end: () => Promise<unknown> };

/** A directory in the place of the snapshot: it cannot be written, whoever runs the test. */
const inTheWay = async (): Promise<string> => join((await redis.config('GET', 'dir'))[1]!, 'dump.rdb');

let flood: Repeated;

const FAULTS: Readonly<Record<string, Fault>> = {
  misconf: {
    async start() {
      await mkdir(await inTheWay());
      await redis.config('SET', 'save', '3600 1');
      await redis.bgsave();
      await expect.poll(() => info('rdb_last_bgsave_status'), eventually).toBe('err');
    },
    async end() {
      await redis.config('SET', 'save', '');
      await rm(await inTheWay(), { recursive: true });
    },
  },
  readonly: {
    // Of a master that nobody is.
    start: () => redis.replicaof('127.0.0.1', '1'),
    end: () => redis.replicaof('NO', 'ONE'),
  },
  loading: {
    async start() {
      await using other = await RedisServer.started();
      const master = new Redis(other.url);
      await master.config('SET', 'repl-diskless-sync-delay', '0');
      await populate(master);
      await redis.config('SET', 'loading-process-events-interval-bytes', '1024');
      await redis.config('SET', 'key-load-delay', String(LOAD_DELAY_US));
      await redis.replicaof('127.0.0.1', String(other.port));
      await expect.poll(() => info('loading'), eventually).toBe('1');
      master.disconnect();
    },
    async end() {
      await redis.config('SET', 'key-load-delay', '0');
      await expect.poll(() => info('loading'), eventually).toBe('0');
      await redis.replicaof('NO', 'ONE');
    },
  },
  // Who finds the script gone loads it and sends the commit again; it counts when it is gone once more by then.
  noscript: {
    async start() {
      flood = repeat(flushScripts);
    },
    end: () => flood.stop(),
  },
};

async function flushScripts(): Promise<void> {
  const flushes = redis.pipeline();
  for (let n = 0; n < 200; n++) flushes.script('FLUSH');
  await flushes.exec();
}

async function populate(master: Redis): Promise<void> {
  const sets = master.pipeline();
  for (let n = 0; n < KEYS_TO_LOAD; n++) sets.set(`key ${n}`, 'x'.repeat(100));
  await sets.exec();
}

describe('replication_ack_failures_total', () => {
  test.each(Object.entries(FAULTS))('%s', async (reason, { start, end }) => {
    const before = await failures(url, reason);
    await start();
    // Not before: a connection that was refused as "readonly" is left, and none is made to a node that loads.
    const posts = repeat(() => post(url));
    try {
      await expect.poll(() => failures(url, reason), eventually).toBeGreaterThan(before);
    } finally {
      await end();
      await posts.stop();
    }
    await expect.poll(() => post(url), eventually).toBe(201);
  });

  // A server that is silent is left at once, which counts as `connection`. This is one that goes on answering, but late:
  // a commit stands behind an erasure, and each waits for a replica that does not come.
  test('timeout', async () => {
    await using waiting = startService({ ACKS: '1', ACK_TIMEOUT_MS: '2500', REDIS_KEY_PREFIX: 'timeout:' });
    const at = await waiting.ready();
    const answers = [post(at), fetch(`${at}/v1/items/1-0-0`, { method: 'DELETE' }).then(({ status }) => status)];
    await expect.poll(() => failures(at, 'timeout'), eventually).toBeGreaterThan(0);
    expect(await Promise.all(answers)).toEqual([503, 503]);
  });
});
