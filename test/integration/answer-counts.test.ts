// The totals in Redis against what requests were told, through two instances.
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { SaveOutcome } from '../../src/items/pending-save.ts';
import type { SaveQueue } from '../../src/items/save-queue.ts';
import { countsKey } from '../../src/redis/keys.ts';
import { LateCounts } from '../../src/redis/late-counts.ts';
import { waitFor } from '../../stack/wait.ts';
import { command, openTestStore, type TestStore } from '../support/open-store.ts';
import { queueOver } from '../support/queue-over.ts';
import { redisAtMaster } from '../support/redis-at-master.ts';

let store: TestStore;
let redis: Redis;

beforeAll(async () => {
  store = await openTestStore();
  redis = await redisAtMaster();
});
afterAll(async () => {
  redis.disconnect();
  await store[Symbol.asyncDispose]();
});

async function totals(): Promise<Record<string, number>> {
  const sums: Record<string, number> = { saved: 0, duplicate: 0, replayed: 0 };
  for (let partition = 0; partition < store.space.partitions; partition++) {
    const { saved = 0, duplicates = 0, replayed = 0 } = await redis.hgetall(countsKey(store.space, partition));
    sums['saved']! += Number(saved);
    sums['duplicate']! += Number(duplicates);
    sums['replayed']! += Number(replayed);
  }
  return sums;
}

function post(queue: SaveQueue, n: number): Promise<SaveOutcome> {
  const { key, content, token } = command(`content ${n % 7}`);
  const identity =
    n % 3 === 0 ? ({ token: `key-${n % 7}`, tokenKind: 'key' } as const) : ({ token, tokenKind: 'random' } as const);
  return queue.save({ key, content, source: 'anonymous', ...identity, deadlineMs: performance.now() + 12_000 });
}

test('every answer is counted, of requests with keys and without, one after the other and at once', async () => {
  await using second = await openTestStore({ space: store.space });
  const queues = [queueOver(store), queueOver(second)];
  const kinds: string[] = [];
  for (let round = 0; round < 20; round++) {
    const posts = Array.from({ length: 40 }, (_, i) => post(queues[i % 2]!, round * 40 + i));
    kinds.push(...(await Promise.all(posts)).map(({ kind }) => kind));
  }
  const answered = Object.fromEntries(
    ['saved', 'duplicate', 'replayed'].map((kind) => [kind, kinds.filter((each) => each === kind).length]),
  );
  expect(kinds).toHaveLength(Object.values(answered).reduce((sum, n) => sum + n));
  // Those that no commit counted are written a moment later, by each instance at a time of its own.
  await expect.poll(totals, { timeout: 20_000 }).toEqual(answered);
});

test('what was not written yet is written when the store is left', async () => {
  const before = await totals();
  const leaving = await openTestStore({ space: store.space });
  leaving.tally.add(command(randomUUID()).key, { duplicates: 3, replayed: 2 });
  await leaving[Symbol.asyncDispose]();
  // It is sent before the connection is left; a Redis that takes longer than the second of the goodbye reads it then.
  await expect
    .poll(totals, { timeout: 20_000 })
    .toEqual({ ...before, duplicate: before['duplicate']! + 3, replayed: before['replayed']! + 2 });
});

test('what could not be written is written later', async () => {
  const before = await totals();
  const cut = redis.duplicate({ lazyConnect: true });
  cut.disconnect();
  const counts = new LateCounts(cut, store.space);
  const writes = vi.spyOn(cut, 'pipeline');
  counts.add(command('x').key, { duplicates: 1, replayed: 0 });
  await vi.waitUntil(() => writes.mock.calls.length > 0, { timeout: 20_000 });
  expect(await totals()).toEqual(before);
  await cut.connect();
  counts.add(command('y').key, { duplicates: 1, replayed: 0 });
  await waitFor(async () => (await totals())['duplicate'] === before['duplicate']! + 2, {
    timeoutMs: 10_000,
    what: 'both were not counted',
  });
  cut.disconnect();
});
