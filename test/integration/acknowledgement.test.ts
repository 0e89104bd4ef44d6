// When a save counts: only while every replica that the Sentinels know has it, and the Sentinels are of one mind.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CommitResult } from '../../src/items/ports.ts';
import { waitFor } from '../../stack/wait.ts';
import { accessTo, command, openTestStore, type TestStore } from '../support/open-store.ts';
import { ownRedisSet, pauseAll, resumeAll } from '../support/own-redis-set.ts';
import { redisAtMaster } from '../support/redis-at-master.ts';

let redis: Awaited<ReturnType<typeof ownRedisSet>>;
let store: TestStore;

beforeAll(async () => {
  // Long enough that no node is taken for down while a test pauses it.
  redis = await ownRedisSet({ downAfterMs: 60_000 });
  store = await openTestStore({ access: accessTo(redis.set.sentinels), ackTimeoutMs: 300 });
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

const commit = (text: string): Promise<CommitResult> => store.items.commit([command(text)]);

async function confirmedAgain(text: string): Promise<CommitResult> {
  return waitFor(async () => (await commit(text)).kind === 'confirmed' && commit(text), {
    timeoutMs: 30_000,
    what: 'commits were not confirmed again',
  });
}

test('one silent replica of two makes the result unknown, for new contents and for duplicates', async () => {
  expect(await commit('before')).toMatchObject({ kind: 'confirmed', verdicts: [{ kind: 'saved' }] });
  const replica = redis.set.nodes[1]!;
  await pauseAll(replica);
  const unknown = { kind: 'unknown', failure: 'not-replicated' };
  expect(await commit('while one is silent')).toMatchObject(unknown);
  expect(await commit('before')).toMatchObject(unknown);
  expect(store.seen).toContain('unconfirmed short_wait');
  await resumeAll(replica);
  // What was unknown had happened: the retry finds it.
  expect(await confirmedAgain('while one is silent')).toMatchObject({ verdicts: [{ kind: 'known' }] });
});

test('a majority of silent Sentinels makes every result unknown before anything is sent', async () => {
  const [, ...others] = redis.set.sentinelNodes;
  await pauseAll(...others);
  await waitFor(async () => (await commit('no view')).kind === 'unknown', {
    timeoutMs: 10_000,
    what: 'commits went on being confirmed without a majority of the Sentinels',
  });
  expect(await commit('not even sent')).toMatchObject({ kind: 'unknown', failure: 'store-unavailable' });
  expect(store.seen).toContain('unconfirmed no_view');
  await resumeAll(...others);
  expect(await confirmedAgain('not even sent')).toMatchObject({ kind: 'confirmed' });
});

test('a master that is out of memory refuses for good, and takes items again when there is room', async () => {
  const master = await redisAtMaster(redis.set.sentinels);
  await master.config('SET', 'maxmemory', '1');
  expect(await commit('too much')).toEqual({
    kind: 'refused',
    failure: 'storage-full',
    detail: 'Redis is out of memory',
  });
  await master.config('SET', 'maxmemory', '0');
  master.disconnect();
  expect(await commit('too much')).toMatchObject({ kind: 'confirmed', verdicts: [{ kind: 'saved' }] });
});

test('a silent master is given up within the time limits and asked again when it is back', async () => {
  const master = await redis.set.masterNode();
  await pauseAll(master);
  const startedMs = performance.now();
  expect(await commit('master is silent')).toMatchObject({ kind: 'unknown', failure: 'store-unavailable' });
  // ackTimeoutMs + 1 s of silence, see connect.ts; the rest is room for a slow machine.
  expect(performance.now() - startedMs).toBeLessThan(4_000);
  await resumeAll(master);
  expect(await confirmedAgain('master is silent')).toMatchObject({ kind: 'confirmed' });
});

test('a master that is killed and comes back as a replica of another costs no item', async () => {
  await using own = await ownRedisSet({ downAfterMs: 1_000 });
  await using failover = await openTestStore({ access: accessTo(own.set.sentinels) });
  const again = command('kept over a failover');
  expect(await failover.items.commit([again])).toMatchObject({ verdicts: [{ kind: 'saved' }] });
  const killed = await own.set.masterNode();
  await killed.kill();
  expect(await failover.items.commit([again])).toMatchObject({ kind: 'unknown' });
  await killed.start();
  const result = await waitFor(
    async () => {
      const attempt = await failover.items.commit([again]);
      return attempt.kind === 'confirmed' && attempt;
    },
    { timeoutMs: 40_000, what: 'commits were not confirmed again' },
  );
  expect(result.verdicts).toMatchObject([{ kind: 'known', token: again.token }]);
  expect(await own.set.master()).not.toBe(killed.address);
});
