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
import { ownRedisSet } from '../support/own-redis-set.ts';
import { redisAtMaster } from '../support/redis-at-master.ts';

const SPACE = { prefix: `test-${randomUUID()}:`, partitions: 4, buckets: 8 };
const lockOf = (text: string): string => lockKey(SPACE, contentKey({ kind: 'string', text }));

const fail = (error: Error): never => {
  throw error;
};

/** A set of its own, because connections are cut here, and those of others have the same names. */
let own: Awaited<ReturnType<typeof ownRedisSet>>;
let runtime: Runtime;
let redis: Redis;
/** The content whose lock is taken away between lock and commit. */
let robbed = '';
/** Done when an answer is given and its lock is not released yet. */
let beforeRelease: () => Promise<unknown> | void = () => {};

beforeAll(async () => {
  own = await ownRedisSet({ downAfterMs: 60_000 });
  redis = await redisAtMaster(own.set.sentinels);
  const config = load(
    {
      REDIS_SENTINELS: own.set.sentinels,
      ...loginSettings(inject('secrets'), 'service'),
      REDIS_KEY_PREFIX: SPACE.prefix,
      PARTITIONS: String(SPACE.partitions),
      INDEX_BUCKETS: String(SPACE.buckets),
      PORT: '0',
      LOCK_WAIT_MS: '5000',
      // Longer than a busy machine holds anybody up: a save that is tried again counts for more, and a lock that is not let go
      // for half a second longer than this is broken.
      ACK_TIMEOUT_MS: '20000',
      LOCK_TTL_MS: '40000',
      SAVE_DEADLINE_MS: '40000',
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
      await redis.set(lock, 'stolen', 'PX', 60_000);
    },
  });
  const ready = async () => (await fetch(`${runtime.url}/readyz`)).status === 200;
  await waitFor(ready, { timeoutMs: 30_000, what: 'the service was not ready' });
});
afterAll(async () => {
  await runtime.close();
  redis.disconnect();
  await own[Symbol.asyncDispose]();
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

/** Holds the lock of a content as another instance would, for longer than anybody waits. */
const hold = (content: string) => redis.set(lockOf(content), 'elsewhere', 'PX', 60_000);
const letGo = (...contents: string[]) => redis.del(contents.map(lockOf));

const eventually = { timeout: 20_000, interval: 20 };

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
    await hold('held for long');
    expect(
      await growth(() => posted('held for long', 409), 'item_saves_total', 'outcome="in_progress"', 'mode="single"'),
    ).toBe(1);
    await letGo('held for long');
  });

  test('failed: more saves wait than MAX_PENDING_SAVES', async () => {
    const contents = Array.from({ length: 20 }, (_, n) => `crowd ${n}`);
    await Promise.all(contents.map(hold));
    const work = async () => {
      const waiting = contents.map((content) => post(content));
      await expect.poll(() => metric('item_saves_pending'), eventually).toBe(20);
      await Promise.all(Array.from({ length: 20 }, (_, n) => posted(`too many ${n}`, 503)));
      await letGo(...contents);
      expect(new Set(await Promise.all(waiting))).toEqual(new Set([201]));
    };
    expect(await growth(work, 'item_saves_total', 'outcome="failed"', 'mode="single"')).toBe(20);
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
    await hold('at once');
    const answers = Array.from({ length: 15 }, () => post('at once'));
    await expect.poll(() => metric('item_saves_pending'), eventually).toBe(15);
    await letGo('at once');
    saved = (await Promise.all(answers)).filter((status) => status === 201).length;
  };
  expect(await growth(work, 'item_saves_joined_total')).toBe(14);
  expect(saved).toBe(1);
});

test('item_saves_pending: while a save waits, and not behind it', async () => {
  await hold('waits');
  const answer = post('waits');
  await expect.poll(() => metric('item_saves_pending'), eventually).toBe(1);
  await letGo('waits');
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
  await hold('contended');
  const labels = ['content_lock_acquire_seconds_count', 'outcome="contended"'] as const;
  const before = await metric(...labels);
  const answer = post('contended');
  await expect.poll(() => metric(...labels), eventually).toBeGreaterThan(before);
  await letGo('contended');
  expect(await answer).toBe(201);
});

test('content_lock_lost_total: the lock was taken away before the commit, which is fenced off and made again', async () => {
  robbed = 'robbed';
  const before = await metric('content_lock_lost_total');
  const answer = post('robbed');
  await expect.poll(() => metric('content_lock_lost_total'), eventually).toBeGreaterThan(before);
  await letGo('robbed');
  expect(await answer).toBe(201);
  expect(await metric('content_lock_lost_total')).toBe(before + 1);
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
  await expect.poll(() => metric('content_lock_release_failures_total'), eventually).toBe(before + 1);
  expect(await redis.pttl(lockOf('not released'))).toBeGreaterThan(0);
  await expect.poll(() => metric('redis_connection_up', 'connection="commit"'), eventually).toBe(1);
});

/** The ids, at the master, of the connections that this service has for a purpose. */
async function connectionsFor(purpose: string): Promise<string[]> {
  const clients = String(await redis.client('LIST', 'TYPE', 'NORMAL')).split('\n');
  const lines = clients.filter((line) => line.includes(`name=items-${purpose} `));
  return lines.map((line) => /^id=(\d+)/.exec(line)?.[1] ?? '');
}

test('redis_connection_up and redis_reconnects_total: connections are cut and come back', async () => {
  // Six to the master, and one to each Sentinel.
  await expect.poll(() => metric('redis_connection_up'), eventually).toBe(9);
  const work = async () => {
    for (const connection of ['commit', 'read', 'lock']) {
      const before = await metric('redis_reconnects_total', `connection="${connection}"`);
      for (const id of await connectionsFor(connection)) await redis.client('KILL', 'ID', id);
      await expect
        .poll(() => metric('redis_reconnects_total', `connection="${connection}"`), eventually)
        .toBeGreaterThan(before);
    }
  };
  expect(await growth(work, 'redis_reconnects_total')).toBeGreaterThanOrEqual(3);
  await expect.poll(() => metric('redis_connection_up'), eventually).toBe(9);
});
