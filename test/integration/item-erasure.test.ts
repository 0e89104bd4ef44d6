// Erasing: what is gone, that index and log stay of one mind, and when it counts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Redis } from 'ioredis';
import { contentKey } from '../../src/items/content.ts';
import type { ServiceFailure } from '../../src/items/errors.ts';
import type { ItemPosition } from '../../src/items/item.ts';
import type { SaveCommand } from '../../src/items/ports.ts';
import { indexKey, itemsKey, placeOf } from '../../src/redis/keys.ts';
import { Hopeless, waitFor } from '../../stack/wait.ts';
import { accessTo, command, confirmed, openTestStore, type TestStore } from '../support/open-store.ts';
import { ownRedisSet, pauseAll, resumeAll } from '../support/own-redis-set.ts';
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

/** Saves it, in as many tries as that takes, and tells where it is. */
async function save(what: SaveCommand, target = store): Promise<ItemPosition> {
  const [verdict] = await confirmed(target, [what]);
  if (verdict === undefined || !('position' in verdict)) throw new Error(`no item: ${verdict?.kind}`);
  return verdict.position;
}

const indexed = ({ key }: SaveCommand) => {
  const { partition, bucket } = placeOf(store.space, key);
  return redis.hget(indexKey(store.space, partition, bucket), key.digest);
};

async function replicationOffset(): Promise<number> {
  return Number(/^master_repl_offset:(\d+)/m.exec(await redis.info('replication'))?.[1]);
}

const json = { kind: 'json', text: '{"a":1}' } as const;

test.each([
  ['a string', command('erased')],
  ['a string of the largest size', command('x'.repeat(65_536))],
  ['a JSON value', { ...command('erased'), content: json, key: contentKey(json) }],
])('%s is gone, log entry and index entry, and can be saved anew', async (_name, what) => {
  const position = await save(what);
  expect(await store.erasure.erase(position)).toBe('erased');
  expect(await store.items.find(position)).toBeNull();
  expect(await indexed(what)).toBeNull();
  expect(await store.erasure.erase(position)).toBe('absent');
  const again = await save(what);
  expect(again).not.toEqual(position);
  expect(await store.items.find(again)).not.toBeNull();
  // The id of the first item says nothing about the second one.
  expect(await store.erasure.erase(position)).toBe('absent');
  expect(await store.items.find(again)).not.toBeNull();
});

test('what never was is absent', async () => {
  expect(await store.erasure.erase({ ms: 1, seq: 1, partition: 0 })).toBe('absent');
  expect(await store.erasure.erase({ ms: 1, seq: 1, partition: store.space.partitions })).toBe('absent');
});

test('moves the replication offset whatever it decides, so that its WAIT waits for something', async () => {
  const position = await save(command('erased for the offset'));
  for (const outcome of ['erased', 'absent'] as const) {
    const before = await replicationOffset();
    expect(await store.erasure.erase(position)).toBe(outcome);
    expect(await replicationOffset()).toBeGreaterThan(before);
  }
});

test('an index that names something else is an error, and nothing is erased', async () => {
  const what = command('index changed by hand');
  const position = await save(what);
  const { partition, bucket } = placeOf(store.space, what.key);
  await redis.hset(indexKey(store.space, partition, bucket), what.key.digest, '1-1');
  await expect(store.erasure.erase(position)).rejects.toThrow(/index does not name/);
  expect(await store.items.find(position)).not.toBeNull();
  expect(await indexed(what)).toBe('1-1');
});

test('saving and erasing one content at once from many sides leaves one item and its index entry, or neither', async () => {
  await using other = await openTestStore({ space: store.space });
  const what = command('wanted and unwanted');
  const { partition } = placeOf(store.space, what.key);
  for (let round = 0; round < 30; round++) {
    const position = await save(what);
    await Promise.all([
      store.items.commit([what]),
      other.erasure.erase(position),
      other.items.commit([what]),
      store.erasure.erase(position),
    ]);
    const entries = await redis.xrange(itemsKey(store.space, partition), '-', '+');
    const stored = entries.filter(([, fields]) => fields[1] === what.content.text).map(([id]) => id);
    const named = await indexed(what);
    expect(stored).toEqual(named === null ? [] : [named]);
    expect(named).not.toBe(`${position.ms}-${position.seq}`);
  }
});

describe('counts only when every replica that could be promoted has it', () => {
  test('one silent replica: not in time is a failure, and in time it was us who erased it', async () => {
    // Long enough that no node is taken for down while a test pauses it.
    await using own = await ownRedisSet({ downAfterMs: 60_000 });
    const access = accessTo(own.set.sentinels);
    await using hasty = await openTestStore({ access, ackTimeoutMs: 200, deadlineMs: 1_000 });
    await using patient = await openTestStore({ access, ackTimeoutMs: 200, deadlineMs: 60_000, space: hasty.space });
    const [first, second] = [await save(command('one'), hasty), await save(command('two'), hasty)];
    const replica = own.set.nodes[1]!;
    await pauseAll(replica);
    await notReplicated(() => hasty.erasure.erase(first));
    // Nor is it known that it is gone, before the replica knows.
    await notReplicated(() => hasty.erasure.erase(first));
    const erasing = patient.erasure.erase(second);
    await waitFor(() => patient.seen.includes('unconfirmed short_wait'), {
      timeoutMs: 10_000,
      what: 'it was confirmed',
    });
    await resumeAll(replica);
    expect(await erasing).toBe('erased');
    // In as many tries as it takes within its second.
    const erase = () => hasty.erasure.erase(first);
    expect(await waitFor(erase, { timeoutMs: 20_000, what: 'it was not known to be absent' })).toBe('absent');
  });

  test('a master that is killed costs it time', async () => {
    await using own = await ownRedisSet({ downAfterMs: 1_000 });
    const access = accessTo(own.set.sentinels);
    await using target = await openTestStore({ access, ackTimeoutMs: 300, deadlineMs: 60_000 });
    const [erased, kept] = [await save(command('erased'), target), await save(command('kept'), target)];
    const master = await own.set.masterNode();
    await master.kill();
    expect(await target.erasure.erase(erased)).toBe('erased');
    expect(await own.set.master()).not.toBe(master.address);
    expect([await target.items.find(erased), await target.items.find(kept)]).toEqual([null, expect.anything()]);
  });

  test('a Redis that is full erases, so that there is room again', async () => {
    await using own = await ownRedisSet({ downAfterMs: 60_000 });
    await using target = await openTestStore({ access: accessTo(own.set.sentinels) });
    const position = await save(command('in the way'), target);
    const master = await redisAtMaster(own.set.sentinels);
    using cleanup = new DisposableStack();
    cleanup.defer(() => master.disconnect());
    await master.config('SET', 'maxmemory', '1');
    expect(await confirmed(target, [command('too much')])).toMatchObject([{ kind: 'full' }]);
    expect(await target.erasure.erase(position)).toBe('erased');
    expect(await target.items.counts()).toMatchObject({ saved: 1, deleted: 1, stored: 0 });
  });
});

/** Erases until that is why it failed: its last attempt in time may have failed because nobody knew the master for a moment. */
async function notReplicated(erase: () => Promise<string>): Promise<void> {
  const fails = async (): Promise<boolean> => {
    const { outcome, code } = await erase().then(
      (done) => ({ outcome: done, code: '' }),
      (error: ServiceFailure) => ({ outcome: '', code: error.code }),
    );
    if (outcome !== '') throw new Hopeless(`it was ${outcome}`);
    return code === 'not-replicated';
  };
  await waitFor(fails, { timeoutMs: 20_000, what: 'it did not fail because it was not replicated' });
}
