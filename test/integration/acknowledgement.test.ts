// When a save counts: only when every replica that Sentinel could promote has it, and the Sentinels are of one mind.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommitResult } from '../../src/items/ports.ts';
import { waitFor } from '../../stack/wait.ts';
import { accessTo, command, confirmed, openTestStore, type TestStore, unconfirmed } from '../support/open-store.ts';
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

test('one silent replica of two makes the result unknown, for new contents and for duplicates', async () => {
  const [before, meanwhile] = [command('before'), command('while one is silent')];
  expect(await confirmed(store, [before])).toMatchObject([{ token: before.token }]);
  const replica = redis.set.nodes[1]!;
  await pauseAll(replica);
  await unconfirmed(store, [meanwhile], 'not-replicated');
  await unconfirmed(store, [command('before')], 'not-replicated');
  expect(store.seen).toContain('unconfirmed short_wait');
  await resumeAll(replica);
  // What was unknown had happened: the retry finds it.
  expect(await confirmed(store, [meanwhile])).toMatchObject([{ kind: 'known', token: meanwhile.token }]);
});

test('a majority of silent Sentinels makes every result unknown before anything is sent', async () => {
  const [, ...others] = redis.set.sentinelNodes;
  await pauseAll(...others);
  // For longer than a view counts: one may be unknown for another reason, and the next one still go by what was known before.
  let lastConfirmedMs = performance.now();
  const isWithoutView = async (): Promise<boolean> => {
    if ((await commit('no view')).kind === 'confirmed') lastConfirmedMs = performance.now();
    return performance.now() - lastConfirmedMs > 1_000;
  };
  await waitFor(isWithoutView, {
    timeoutMs: 20_000,
    what: 'commits went on being confirmed without a majority of the Sentinels',
  });
  expect(await commit('not even sent')).toMatchObject({ kind: 'unknown', failure: 'store-unavailable' });
  expect(store.seen).toContain('unconfirmed no_view');
  await resumeAll(...others);
  expect(await confirmed(store, [command('not even sent')])).toHaveLength(1);
});

test('a master that is out of memory says so of what is new, and takes items again when there is room', async () => {
  const master = await redisAtMaster(redis.set.sentinels);
  const [known, added] = [command('there before'), command('too much')];
  await confirmed(store, [known]);
  try {
    await master.config('SET', 'maxmemory', '1');
    expect(await confirmed(store, [known, added])).toMatchObject([
      { kind: 'known', token: known.token },
      { kind: 'full' },
    ]);
    expect(await store.locks.acquire(added.key)).toMatchObject({ kind: 'unavailable', failure: 'storage-full' });
  } finally {
    await master.config('SET', 'maxmemory', '0');
    master.disconnect();
  }
  expect(await confirmed(store, [added])).toMatchObject([{ token: added.token }]);
});

test('a silent master is given up within the time limits and asked again when it is back', async () => {
  const master = await redis.set.masterNode();
  await pauseAll(master);
  const startedMs = performance.now();
  expect(await commit('master is silent')).toMatchObject({ kind: 'unknown', failure: 'store-unavailable' });
  // ackTimeoutMs + 1 s of silence, see connection-options.ts; the rest is room for a slow machine.
  expect(performance.now() - startedMs).toBeLessThan(4_000);
  await resumeAll(master);
  expect(await confirmed(store, [command('master is silent')])).toHaveLength(1);
});

describe('a set that loses a node for good', () => {
  test('confirms again without a dead replica', async () => {
    // Longer than it takes an engine that is busy to say that a container has ended.
    await using own = await ownRedisSet({ downAfterMs: 5_000 });
    await using orphan = await openTestStore({ access: accessTo(own.set.sentinels), ackTimeoutMs: 300 });
    await own.set.nodes[1]!.kill();
    await unconfirmed(orphan, [command('too early')], 'not-replicated');
    expect(await confirmed(orphan, [command('without it')])).toHaveLength(1);
  });

  test('confirms again after its master was replaced, and what was confirmed before is there', async () => {
    await using own = await ownRedisSet({ downAfterMs: 3_000 });
    await using failover = await openTestStore({ access: accessTo(own.set.sentinels), ackTimeoutMs: 300 });
    const again = command('kept over a failover');
    expect(await confirmed(failover, [again])).toMatchObject([{ token: again.token }]);
    const killed = await own.set.masterNode();
    await killed.kill();
    expect(await failover.items.commit([again])).toMatchObject({ kind: 'unknown' });
    expect(await confirmed(failover, [again])).toMatchObject([{ kind: 'known', token: again.token }]);
    expect(await own.set.master()).not.toBe(killed.address);
    expect(failover.seen).toContain(`master ${await own.set.master()}`);
  });
});
