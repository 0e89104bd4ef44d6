// Content locks against a real Redis: who gets them, who does not, and how they end.
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { contentKey } from '../../src/items/content.ts';
import type { LockGrant, LockResult } from '../../src/items/ports.ts';
import { lockKey } from '../../src/redis/keys.ts';
import { waitFor } from '../../stack/wait.ts';
import { command, confirmed, openTestStore, type TestStore } from '../support/open-store.ts';
import { redisAtMaster, redisAtReplica } from '../support/redis-at-master.ts';

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

const keyOf = (text: string) => contentKey({ kind: 'string', text });
const keys = (...texts: string[]) => texts.map(keyOf);

function granted(result: LockResult): LockGrant {
  if (result.kind !== 'granted') throw new Error(`no grant: ${result.kind}`);
  return result.grant;
}

async function askedFor(store: TestStore, ...texts: string[]): Promise<LockGrant> {
  const grant = await store.locks.ask(keys(...texts)).answer;
  if (grant === null) throw new Error('no grant');
  return grant;
}

const holderOf = (text: string) => redis.get(lockKey(mine.space, keyOf(text)));

test('a batch gets one lock for all of its contents, with the token that was told at once and a time to live', async () => {
  const batch = keys('a', 'b', 'c');
  const { token, answer } = mine.locks.ask(batch);
  const grant = await answer;
  expect(grant).toMatchObject({ token, keys: batch });
  for (const key of batch) expect(await redis.get(lockKey(mine.space, key))).toBe(token);
  const ttlMs = await redis.pttl(lockKey(mine.space, batch[0]!));
  expect(ttlMs).toBeGreaterThan(LOCK_TTL_MS / 2);
  // What we believe is never longer than what Redis grants.
  expect(grant!.validUntilMs - performance.now()).toBeLessThanOrEqual(ttlMs + 5);
  await mine.locks.release(grant!);
  for (const key of batch) expect(await redis.exists(lockKey(mine.space, key))).toBe(0);
});

test('a batch of which one content is held elsewhere gets none of its locks', async () => {
  const theirs = await askedFor(other, 'held');
  expect(await mine.locks.ask(keys('free 1', 'held', 'free 2')).answer).toBeNull();
  expect([await holderOf('free 1'), await holderOf('free 2')]).toEqual([null, null]);
  expect(await mine.locks.acquire(keyOf('held'))).toEqual({ kind: 'held', holder: theirs.token });
  await other.locks.release(theirs);
  await mine.locks.release(granted(await mine.locks.acquire(keyOf('held'))));
  expect(await holderOf('held')).toBeNull();
});

test('a commit of the same turn comes behind the locks that were asked for, and they behind what was given back', async () => {
  // A script that Redis does not know yet is sent again behind everything else.
  await mine.locks.release(await askedFor(mine, 'one write'));
  const before = await askedFor(mine, 'one write');
  void mine.locks.release(before);
  const { token, answer } = mine.locks.ask(keys('one write'));
  // It says nothing of that lock, so it is refused when it finds it.
  const verdicts = await confirmed(mine, [command('one write')]);
  expect(verdicts).toEqual([{ kind: 'fenced', holder: token }]);
  await mine.locks.release((await answer)!);
});

test('a lock is broken only while the named holder has it', async () => {
  const key = keyOf('broken');
  const theirs = await askedFor(other, 'broken');
  await mine.locks.breakLock(key, 'somebody else');
  expect(await holderOf('broken')).toBe(theirs.token);
  await mine.locks.breakLock(key, theirs.token);
  const taken = granted(await mine.locks.acquire(key));
  // The old holder's release must not take the new holder's lock away.
  await other.locks.release(theirs);
  expect(await holderOf('broken')).toBe(taken.token);
  await mine.locks.release(taken);
});

test('a lock is at the master only: replicas would pay for what nothing depends on', async () => {
  const replica = await redisAtReplica();
  const grant = await askedFor(mine, 'not replicated');
  const marker = `${mine.space.prefix}marker`;
  await redis.set(marker, 'behind the lock');
  await waitFor(async () => (await replica.exists(marker)) === 1, {
    timeoutMs: 20_000,
    what: 'nothing was replicated',
  });
  expect(await holderOf('not replicated')).toBe(grant.token);
  expect(await replica.exists(lockKey(mine.space, keyOf('not replicated')))).toBe(0);
  await mine.locks.release(grant);
  replica.disconnect();
});

test('of locks that changed hands meanwhile only those are released that are still ours', async () => {
  const grant = await askedFor(mine, 'kept 1', 'robbed', 'kept 2');
  await redis.set(lockKey(mine.space, keyOf('robbed')), 'a thief', 'PX', LOCK_TTL_MS);
  await mine.locks.release(grant);
  expect([await holderOf('kept 1'), await holderOf('robbed'), await holderOf('kept 2')]).toEqual([
    null,
    'a thief',
    null,
  ]);
});

test('a release of what has expired is quick and harms nobody', async () => {
  const grant = await askedFor(mine, 'expires');
  // And not by a short time to live: that may be over before the grant is there.
  await redis.pexpire(lockKey(mine.space, keyOf('expires')), 1);
  await waitFor(async () => (await holderOf('expires')) === null, {
    timeoutMs: 5_000,
    what: 'the lock did not expire',
  });
  await mine.locks.release(grant);
  expect(mine.seen).toContain('release failed');
});

test('many at once: each content has one holder at a time', async () => {
  const stores = [mine, other];
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) => stores[i % 2]!.locks.ask(keys('contended', `own ${i}`)).answer),
  );
  const grants = answers.filter((grant) => grant !== null);
  expect(grants).toHaveLength(1);
  expect(await holderOf('contended')).toBe(grants[0]!.token);
});
