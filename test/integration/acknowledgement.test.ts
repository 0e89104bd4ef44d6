// When a save counts: only when every replica that Sentinel could promote has it, and the Sentinels are of one mind.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommitResult, SaveCommand } from '../../src/items/ports.ts';
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

/** Sends the command again and again, as the commit loop does, until it is confirmed. */
function confirmed(target: TestStore, what: SaveCommand): Promise<CommitResult> {
  return waitFor(
    async () => {
      const result = await target.items.commit([what]);
      return result.kind === 'confirmed' && result;
    },
    { timeoutMs: 40_000, what: 'commits were not confirmed again' },
  );
}

const confirmedAgain = (text: string) => confirmed(store, command(text));

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

test('a master that is out of memory says so of what is new, and takes items again when there is room', async () => {
  const master = await redisAtMaster(redis.set.sentinels);
  const [known, added] = [command('there before'), command('too much')];
  await store.items.commit([known]);
  await master.config('SET', 'maxmemory', '1');
  expect(await store.items.commit([known, added])).toMatchObject({
    kind: 'confirmed',
    verdicts: [{ kind: 'known', token: known.token }, { kind: 'full' }],
  });
  expect(await store.locks.acquire(added.key)).toMatchObject({ kind: 'unavailable', failure: 'storage-full' });
  await master.config('SET', 'maxmemory', '0');
  master.disconnect();
  expect(await commit('too much')).toMatchObject({ kind: 'confirmed', verdicts: [{ kind: 'saved' }] });
});

test('a silent master is given up within the time limits and asked again when it is back', async () => {
  const master = await redis.set.masterNode();
  await pauseAll(master);
  const startedMs = performance.now();
  expect(await commit('master is silent')).toMatchObject({ kind: 'unknown', failure: 'store-unavailable' });
  // ackTimeoutMs + 1 s of silence, see connection-options.ts; the rest is room for a slow machine.
  expect(performance.now() - startedMs).toBeLessThan(4_000);
  await resumeAll(master);
  expect(await confirmedAgain('master is silent')).toMatchObject({ kind: 'confirmed' });
});

describe('a set that loses a node for good', () => {
  test('confirms again without a dead replica', async () => {
    await using own = await ownRedisSet({ downAfterMs: 1_000 });
    await using orphan = await openTestStore({ access: accessTo(own.set.sentinels), ackTimeoutMs: 300 });
    await own.set.nodes[1]!.kill();
    expect(await orphan.items.commit([command('too early')])).toMatchObject({ failure: 'not-replicated' });
    expect(await confirmed(orphan, command('without it'))).toMatchObject({ kind: 'confirmed' });
  });

  test('confirms again after its master was replaced, and what was confirmed before is there', async () => {
    await using own = await ownRedisSet({ downAfterMs: 1_000 });
    await using failover = await openTestStore({ access: accessTo(own.set.sentinels), ackTimeoutMs: 300 });
    const again = command('kept over a failover');
    expect(await failover.items.commit([again])).toMatchObject({ verdicts: [{ kind: 'saved' }] });
    const killed = await own.set.masterNode();
    await killed.kill();
    expect(await failover.items.commit([again])).toMatchObject({ kind: 'unknown' });
    expect(await confirmed(failover, again)).toMatchObject({ verdicts: [{ kind: 'known', token: again.token }] });
    expect(await own.set.master()).not.toBe(killed.address);
    expect(failover.seen).toContain(`master ${await own.set.master()}`);
  });
});
