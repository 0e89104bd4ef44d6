// Metrics of a running service: what they name is made to happen, and they move by it.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { contentKey } from '../../src/items/content.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { lockKey } from '../../src/redis/keys.ts';
import { type Runtime, start } from '../../src/runtime.ts';
import { loginSettings } from '../../stack/secrets.ts';
import { waitFor } from '../../stack/wait.ts';
import { load } from '../support/load-config.ts';
import { scrape, sumOf } from '../support/metrics-text.ts';
import { redisAtMaster } from '../support/redis-at-master.ts';

const SPACE = { prefix: `test-${randomUUID()}:`, partitions: 4, buckets: 8 };
const lockOf = (text: string): string => lockKey(SPACE, contentKey({ kind: 'string', text }));

const fail = (error: Error): never => {
  throw error;
};

let runtime: Runtime;
let redis: Redis;
/** The content whose lock is taken away between lock and commit. */
let robbed = '';
/** Done when an answer is given and its lock is not released yet. */
let beforeRelease: () => Promise<unknown> | void = () => {};

beforeAll(async () => {
  redis = await redisAtMaster();
  const config = load(
    {
      REDIS_SENTINELS: inject('sentinels'),
      ...loginSettings(inject('secrets'), 'service'),
      REDIS_KEY_PREFIX: SPACE.prefix,
      PARTITIONS: String(SPACE.partitions),
      INDEX_BUCKETS: String(SPACE.buckets),
      PORT: '0',
      LOCK_WAIT_MS: '1000',
      MAX_PENDING_SAVES: '20',
    },
    (path) => readFileSync(path, 'utf8'),
  );
  runtime = await start(config, 'test', createLogger('fatal'), fail, {
    async probe(point) {
      if (point === 'before-release') await beforeRelease();
      if (point !== 'after-lock' || robbed === '') return;
      const lock = lockOf(robbed);
      robbed = '';
      await redis.set(lock, 'stolen', 'PX', 300);
    },
  });
  const ready = async () => (await fetch(`${runtime.url}/readyz`)).status === 200;
  await waitFor(ready, { timeoutMs: 30_000, what: 'the service was not ready' });
});
afterAll(async () => {
  await runtime.close();
  redis.disconnect();
});

async function post(content: string, headers: Record<string, string> = {}): Promise<number> {
  const answer = await fetch(`${runtime.url}/v1/items`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ content }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

async function send(type: string, body: string): Promise<number> {
  const headers = { 'content-type': type };
  const answer = await fetch(`${runtime.url}/v1/items/batch`, { method: 'POST', headers, body });
  await answer.arrayBuffer();
  return answer.status;
}
const batch = (contents: readonly string[]) =>
  send('application/json', JSON.stringify({ items: contents.map((content) => ({ content })) }));
const stream = (contents: readonly string[]) =>
  send('application/x-ndjson', contents.map((content) => `${JSON.stringify({ content })}\n`).join(''));

const metric = async (name: string, ...labels: string[]): Promise<number> =>
  sumOf(await scrape(runtime.url), name, ...labels);

/** By how much a metric grew while something was done. */
async function growth(work: () => Promise<unknown>, name: string, ...labels: string[]): Promise<number> {
  const before = await metric(name, ...labels);
  await work();
  return (await metric(name, ...labels)) - before;
}

const posted = async (content: string, status: number) => expect(await post(content)).toBe(status);

/** Holds the lock of a content as another instance would. */
const hold = (content: string, forMs: number) => redis.set(lockOf(content), 'elsewhere', 'PX', forMs);

describe('item_saves_total and item_save_duration_seconds', () => {
  const key = { 'idempotency-key': randomUUID() };
  test.each<[string, string, number, () => Promise<number>, number]>([
    ['saved', 'single', 1, () => post('a', key), 201],
    ['replayed', 'single', 1, () => post('a', key), 201],
    ['duplicate', 'single', 1, () => post('a'), 409],
    ['invalid', 'single', 1, () => post(''), 422],
    ['rejected', 'single', 1, () => post('another', key), 422],
    ['saved', 'batch', 2, () => batch(['b', 'c', 'b']), 200],
    ['duplicate', 'batch', 3, () => batch(['b', 'c', 'b']), 200],
    ['invalid', 'batch', 1, () => batch(['b', '']), 207],
    ['saved', 'stream', 2, () => stream(['d', 'e']), 200],
    ['duplicate', 'stream', 2, () => stream(['d', 'e']), 200],
    ['invalid', 'stream', 1, () => stream(['d', '']), 200],
  ])('%s, %s', async (outcome, mode, times, work, status) => {
    const answered = async () => expect(await work()).toBe(status);
    const labels = [`outcome="${outcome}"`, `mode="${mode}"`];
    expect(await growth(answered, 'item_saves_total', ...labels)).toBe(times);
  });

  test('in_progress: the lock is held elsewhere for longer than LOCK_WAIT_MS', async () => {
    await hold('held for long', 60_000);
    expect(
      await growth(() => posted('held for long', 409), 'item_saves_total', 'outcome="in_progress"', 'mode="single"'),
    ).toBe(1);
    await redis.del(lockOf('held for long'));
  });

  test('failed: more saves wait than MAX_PENDING_SAVES', async () => {
    const contents = Array.from({ length: 40 }, (_, n) => `crowd ${n}`);
    await Promise.all(contents.map((content) => hold(content, 700)));
    let refused = 0;
    const work = async () => {
      const statuses = await Promise.all(contents.map((content) => post(content)));
      refused = statuses.filter((status) => status === 503).length;
    };
    const failed = await growth(work, 'item_saves_total', 'outcome="failed"', 'mode="single"');
    expect(failed).toBeGreaterThan(0);
    expect(failed).toBe(refused);
  });

  test('each outcome is timed', async () => {
    expect(await growth(() => posted('timed', 201), 'item_save_duration_seconds_count', 'outcome="saved"')).toBe(1);
    expect(await metric('item_save_duration_seconds_sum', 'outcome="saved"')).toBeGreaterThan(0);
    expect(await metric('item_save_duration_seconds_sum', 'outcome="in_progress"')).toBeGreaterThan(1);
  });
});

test('item_saves_joined_total: the same content at the same time', async () => {
  let saved = 0;
  const work = async () => {
    const statuses = await Promise.all(Array.from({ length: 15 }, () => post('at once')));
    saved = statuses.filter((status) => status === 201).length;
  };
  expect(await growth(work, 'item_saves_joined_total')).toBeGreaterThan(0);
  expect(saved).toBe(1);
});

test('item_saves_pending: while a save waits, and not behind it', async () => {
  await hold('waits', 60_000);
  const answer = post('waits');
  await expect.poll(() => metric('item_saves_pending'), { timeout: 5_000 }).toBe(1);
  await redis.del(lockOf('waits'));
  expect(await answer).toBe(201);
  expect(await metric('item_saves_pending')).toBe(0);
});

test.each([
  ['commit_batch_size_count'],
  ['commit_duration_seconds_count'],
  ['replication_ack_seconds_count'],
  ['content_lock_acquire_seconds_count', 'outcome="acquired"'],
  ['http_request_duration_seconds_count', 'method="POST"', 'route="/v1/items"', 'status_code="201"'],
])('%s: by a save', async (name, ...labels) => {
  expect(await growth(() => post(`${name} ${randomUUID()}`), name, ...labels)).toBe(1);
});

test('content_lock_acquire_seconds, contended: the lock is held elsewhere', async () => {
  await hold('contended', 300);
  expect(
    await growth(() => posted('contended', 201), 'content_lock_acquire_seconds_count', 'outcome="contended"'),
  ).toBeGreaterThan(0);
});

test('content_lock_lost_total: the lock was taken away before the commit, which is fenced off and made again', async () => {
  robbed = 'robbed';
  expect(await growth(() => posted('robbed', 201), 'content_lock_lost_total')).toBe(1);
});

test('content_lock_release_failures_total: the connection is cut when the lock should be released, which then expires', async () => {
  const before = await metric('content_lock_release_failures_total');
  beforeRelease = async () => {
    beforeRelease = () => {};
    const ids = await connectionsFor('commit');
    // At once: it is back after 100 ms.
    await Promise.all(ids.map((id) => redis.client('KILL', 'ID', id)));
  };
  await posted('not released', 201);
  await expect.poll(() => metric('content_lock_release_failures_total'), { timeout: 10_000 }).toBe(before + 1);
  expect(await redis.pttl(lockOf('not released'))).toBeGreaterThan(0);
  await expect.poll(() => metric('redis_connection_up', 'connection="commit"'), { timeout: 10_000 }).toBe(1);
});

/** The ids, at the master, of the connections that this service has for a purpose, and those of others. */
async function connectionsFor(purpose: string): Promise<string[]> {
  const clients = String(await redis.client('LIST', 'TYPE', 'NORMAL')).split('\n');
  const lines = clients.filter((line) => line.includes(`name=items-${purpose} `));
  return lines.map((line) => /^id=(\d+)/.exec(line)?.[1] ?? '');
}

test('redis_connection_up and redis_reconnects_total: connections are cut and come back', async () => {
  const up = await metric('redis_connection_up');
  expect(up).toBeGreaterThan(4);
  const work = async () => {
    for (const connection of ['commit', 'read', 'lock']) {
      const before = await metric('redis_reconnects_total', `connection="${connection}"`);
      for (const id of await connectionsFor(connection)) await redis.client('KILL', 'ID', id);
      await expect
        .poll(() => metric('redis_reconnects_total', `connection="${connection}"`), { timeout: 10_000 })
        .toBeGreaterThan(before);
    }
  };
  expect(await growth(work, 'redis_reconnects_total')).toBeGreaterThanOrEqual(3);
  await expect.poll(() => metric('redis_connection_up'), { timeout: 10_000 }).toBe(up);
});
