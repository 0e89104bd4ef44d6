// Content locks against a real Redis: who gets them, who does not, and how they end.
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { contentKey } from '../../src/items/content.ts';
import type { LockGrant, LockResult } from '../../src/items/ports.ts';
import { lockKey } from '../../src/redis/keys.ts';
import { waitFor } from '../../stack/wait.ts';
import { openTestStore, type TestStore } from '../support/open-store.ts';
import { redisAtMaster } from '../support/redis-at-master.ts';

const LOCK_TTL_MS = 10_000;
let mine: TestStore;
let other: TestStore;
let redis: Redis;

beforeAll(async () => {
  mine = await openTestStore({ lockTtlMs: LOCK_TTL_MS });
  other = await openTestStore({ lockTtlMs: LOCK_TTL_MS, space: mine.space });
  redis = await redisAtMaster();
});
afterAll(async () => {
  redis.disconnect();
  await mine[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

const keys = (...texts: string[]) => texts.map((text) => contentKey({ kind: 'string', text }));

function grantOf(result: LockResult): LockGrant {
  if (result.kind !== 'answered' || result.grants[0] === undefined) throw new Error('no grant');
  return result.grants[0];
}

test('a batch gets one lock for all of its contents, with one token and a time to live', async () => {
  const batch = keys('a', 'b', 'c');
  const grant = grantOf(await mine.locks.acquire(batch));
  expect(grant.keys).toEqual(batch);
  for (const key of batch) expect(await redis.get(lockKey(mine.space, key))).toBe(grant.token);
  const ttlMs = await redis.pttl(lockKey(mine.space, batch[0]!));
  expect(ttlMs).toBeGreaterThan(LOCK_TTL_MS / 2);
  // What we believe is never longer than what Redis grants.
  expect(grant.validUntilMs - performance.now()).toBeLessThanOrEqual(ttlMs + 5);
  await mine.locks.release(grant);
  for (const key of batch) expect(await redis.exists(lockKey(mine.space, key))).toBe(0);
});

test('what is held elsewhere is told apart, with its holder, and the rest is locked', async () => {
  const theirs = grantOf(await other.locks.acquire(keys('held 1', 'held 2')));
  const result = await mine.locks.acquire(keys('free 1', 'held 1', 'free 2', 'held 2'));
  expect(result).toMatchObject({
    kind: 'answered',
    grants: [{ keys: keys('free 1', 'free 2') }],
    contended: keys('held 1', 'held 2').map((key) => ({ key, holder: theirs.token })),
  });
  expect(await mine.locks.acquire(keys('held 1'))).toMatchObject({ kind: 'answered', grants: [] });
  await mine.locks.release(grantOf(result));
  await other.locks.release(theirs);
  await mine.locks.release(grantOf(await mine.locks.acquire(keys('held 1'))));
});

test('a lock is broken only while the named holder has it', async () => {
  const [key] = keys('broken');
  const theirs = grantOf(await other.locks.acquire([key!]));
  await mine.locks.breakLock({ key: key!, holder: 'somebody else' });
  expect(await redis.get(lockKey(mine.space, key!))).toBe(theirs.token);
  await mine.locks.breakLock({ key: key!, holder: theirs.token });
  const taken = grantOf(await mine.locks.acquire([key!]));
  // The old holder's release must not take the new holder's lock away.
  await other.locks.release(theirs);
  expect(await redis.get(lockKey(mine.space, key!))).toBe(taken.token);
  await mine.locks.release(taken);
});

test('a release of what has expired is quick and harms nobody', async () => {
  const short = await openTestStore({ lockTtlMs: 100, space: mine.space });
  const [key] = keys('expires');
  const grant = grantOf(await short.locks.acquire([key!]));
  await waitFor(async () => (await redis.exists(lockKey(mine.space, key!))) === 0, {
    timeoutMs: 5_000,
    what: 'the lock did not expire',
  });
  await short.locks.release(grant);
  expect(short.seen).toContain('release failed');
  await short[Symbol.asyncDispose]();
});

test('many at once: each content has one holder at a time', async () => {
  const stores = [mine, other];
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, i) => stores[i % 2]!.locks.acquire(keys('contended', `own ${i}`))),
  );
  const holders = results.flatMap((result) =>
    result.kind === 'answered' ? result.grants.filter((grant) => grant.keys.length === 2) : [],
  );
  expect(holders).toHaveLength(1);
  const own = results.flatMap((result) => (result.kind === 'answered' ? result.grants : []));
  expect(own.flatMap((grant) => grant.keys)).toHaveLength(41);
});
