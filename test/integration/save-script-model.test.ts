// The scripts against a model of a few lines, on random sequences of commits, erasures and lock changes, some of them in
// a Redis that is full.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatItemId } from '../../src/items/item.ts';
import type { Verdict } from '../../src/items/ports.ts';
import { countsKey, indexKey, itemsKey, lockKey, placeOf } from '../../src/redis/keys.ts';
import { positionOf } from '../../src/redis/stream-entry.ts';
import { FakeRedis } from '../support/fake-store.ts';
import { accessTo, command, decided, openTestStore, type TestStore } from '../support/open-store.ts';
import { ownRedisSet } from '../support/own-redis-set.ts';
import { redisAtMaster } from '../support/redis-at-master.ts';

let own: Awaited<ReturnType<typeof ownRedisSet>>;
let store: TestStore;
let redis: Redis;

beforeAll(async () => {
  own = await ownRedisSet({ downAfterMs: 20_000 });
  store = await openTestStore({ access: accessTo(own.set.sentinels) });
  redis = await redisAtMaster(own.set.sentinels);
});
afterAll(async () => {
  redis.disconnect();
  await store[Symbol.asyncDispose]();
  await own[Symbol.asyncDispose]();
});

const name = fc.constantFrom('a', 'b', 'c');
const holder = fc.constantFrom('mine', 'other');
const claim = fc.record({
  token: fc.constantFrom('t1', 't2', 't3', 't4'),
  isIdempotencyKey: fc.boolean(),
  source: fc.constantFrom('anonymous', 'acme'),
  requests: fc.integer({ min: 1, max: 3 }),
});
const claims = fc.uniqueArray(claim, { selector: ({ token }) => token, minLength: 1, maxLength: 3 });
const save = fc.record({ content: name, claims, others: fc.nat(2), lockToken: holder });
const saves = fc.uniqueArray(save, { selector: ({ content }) => content, minLength: 1, maxLength: 3 });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ saves, isFull: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ lock: name, holder: fc.option(holder) }) },
  { weight: 1, arbitrary: fc.record({ erase: name }) },
);

/** Ids differ between the model and Redis; which item it is must not. */
function comparable(verdicts: readonly Verdict[], ids: Map<string, string>): unknown[] {
  return verdicts.map((verdict) => {
    if (!('position' in verdict)) return verdict;
    const id = formatItemId(verdict.position);
    if (!ids.has(id)) ids.set(id, `item ${ids.size}`);
    return { ...verdict, position: ids.get(id) };
  });
}

/** The counts of all partitions together. */
async function totals(): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (let partition = 0; partition < store.space.partitions; partition++) {
    for (const [field, value] of Object.entries(await redis.hgetall(countsKey(store.space, partition)))) {
      sums[field] = (sums[field] ?? 0) + Number(value);
    }
  }
  return sums;
}

test('decides and counts like the model, and leaves one item and one index entry for each content', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const run = randomUUID();
      const model = new FakeRedis();
      const [real, modelled] = [new Map<string, string>(), new Map<string, string>()];
      const erasures: [real: string, modelled: string][] = [];
      const before = await totals();
      const keyOf = (content: string) => command(`${run} ${content}`).key;
      for (const next of steps) {
        if ('erase' in next) {
          const key = keyOf(next.erase);
          const { partition, bucket } = placeOf(store.space, key);
          // Where it stands, or where nothing ever stood.
          const id = (await redis.hget(indexKey(store.space, partition, bucket), key.digest)) ?? '1-1';
          erasures.push([await store.erasure.erase(positionOf(id, partition)), model.erase(key)]);
          continue;
        }
        if ('lock' in next) {
          const key = keyOf(next.lock);
          if (next.holder === null) {
            model.holders.delete(key.hex);
            await redis.del(lockKey(store.space, key));
          } else {
            model.holders.set(key.hex, next.holder);
            await redis.set(lockKey(store.space, key), next.holder, 'PX', 60_000);
          }
          continue;
        }
        const commands = next.saves.map((one) =>
          command(`${run} ${one.content}`, {
            claims: one.claims.map((each) => ({ ...each, token: `${run} ${each.token}` })),
            others: one.others,
            lockToken: one.lockToken,
          }),
        );
        if (next.isFull) await redis.config('SET', 'maxmemory', '1');
        const verdicts = await decided(store, commands);
        await redis.config('SET', 'maxmemory', '0');
        const expected = commands.map((one) => model.decide(one, undefined, next.isFull));
        expect(comparable(verdicts, real)).toEqual(comparable(expected, modelled));
      }
      expect(erasures.map(([outcome]) => outcome)).toEqual(erasures.map(([, modelledOutcome]) => modelledOutcome));
      const after = await totals();
      const counted = Object.entries(model.counts).map(([field]) => [
        field,
        (after[field] ?? 0) - (before[field] ?? 0),
      ]);
      expect(Object.fromEntries(counted)).toEqual(model.counts);
      for (const content of ['a', 'b', 'c']) {
        const key = keyOf(content);
        const { partition, bucket } = placeOf(store.space, key);
        const entries = await redis.xrange(itemsKey(store.space, partition), '-', '+');
        const stored = entries.filter(([, fields]) => fields[1] === `${run} ${content}`);
        const indexed = await redis.hget(indexKey(store.space, partition, bucket), key.digest);
        expect(stored.map(([id]) => id)).toEqual(model.saved.has(key.hex) ? [indexed] : []);
      }
    }),
    { numRuns: 60 },
  );
});

test('counts every decision once', async () => {
  const counts = await Promise.all(
    Array.from({ length: store.space.partitions }, (_, partition) => redis.hgetall(countsKey(store.space, partition))),
  );
  const lengths = await Promise.all(
    Array.from({ length: store.space.partitions }, (_, partition) => redis.xlen(itemsKey(store.space, partition))),
  );
  expect(counts.map(({ saved, deleted }) => Number(saved ?? 0) - Number(deleted ?? 0))).toEqual(lengths);
  const sum = (field: string) => counts.reduce((total, counted) => total + Number(counted[field] ?? 0), 0);
  expect(await store.items.counts()).toEqual({
    saved: sum('saved'),
    duplicates: sum('duplicates'),
    replayed: sum('replayed'),
    deleted: sum('deleted'),
    stored: lengths.reduce((total, length) => total + length, 0),
  });
  expect(sum('deleted')).toBeGreaterThan(0);
});
