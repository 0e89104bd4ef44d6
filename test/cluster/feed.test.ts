// The feed from outside, through nginx, while the master dies and instances come and go under load.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../../stack/stack.ts';
import { waitFor } from '../../stack/wait.ts';
import { FeedConsumer, type FeedItem } from '../support/feed-consumer.ts';
import { startLoad } from '../support/http-load.ts';
import { listAll } from '../support/list-all.ts';

let dir: string;
let stack: Stack;
/** From the beginning to the end of all tests, through everything that happens. */
let steady: FeedConsumer;
const acknowledged: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-feed-'));
  stack = await startStack({ dir, instances: 2, downAfterMs: 1_000 });
  steady = new FeedConsumer(stack.url);
});
afterAll(async () => {
  await steady[Symbol.asyncDispose]();
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

const eventually = { timeoutMs: 60_000, everyMs: 100 };

/** Posts while something happens, and until a good deal was saved behind it. */
async function underLoad(label: string, happens: () => Promise<void>): Promise<void> {
  const load = startLoad(stack.url, label, 8);
  await waitFor(() => load.count() > 200, { ...eventually, what: 'nothing was saved before' });
  await happens();
  const before = load.count();
  await waitFor(() => load.count() > before + 500, { ...eventually, what: 'nothing was saved afterwards' });
  acknowledged.push(...(await load.stop()).created);
}

/** Waits until a consumer has everything that was acknowledged. */
async function hasAll(consumer: FeedConsumer): Promise<void> {
  const isMissing = () => {
    const contents = new Set(consumer.items.map(({ content }) => content));
    return acknowledged.filter((content) => !contents.has(content));
  };
  await waitFor(() => isMissing().length === 0, { ...eventually, what: 'items that were acknowledged did not come' });
}

const partitionOf = ({ id }: FeedItem) => id.split('-')[2] ?? '';
const placeOf = ({ id }: FeedItem) => id.split('-').map(Number) as [ms: number, seq: number];

function findFaults(items: readonly FeedItem[]): unknown {
  const disordered = Object.values(Object.groupBy(items, partitionOf)).flatMap((own = []) =>
    own.filter((item, n) => {
      const [[ms, seq], [lastMs, lastSeq]] = [placeOf(item), placeOf(own[n - 1] ?? { id: '0-0', content: '' })];
      return ms < lastMs || (ms === lastMs && seq <= lastSeq);
    }),
  );
  const seen = new Set<string>();
  const repeated = items.filter(({ id }) => seen.size === seen.add(id).size);
  return { disordered, repeated };
}

test('a master that is killed costs a consumer time, and neither its connection nor an item', async () => {
  const { connected } = await waitFor(() => steady.connected === 1 && steady, { ...eventually, what: 'no feed' });
  await underLoad('master', async () => {
    const master = await stack.redis.masterNode();
    await master.kill();
    await waitFor(async () => (await stack.redis.master()) !== master.address, { ...eventually, what: 'no failover' });
    await master.start();
  });
  await hasAll(steady);
  expect(findFaults(steady.items)).toEqual({ disordered: [], repeated: [] });
  expect(steady.connected).toBe(connected);
});

test('an instance that stops ends its feeds, and consumers go on at the other one', async () => {
  await underLoad('stop', async () => {
    for (const instance of stack.instances) {
      await instance.stop();
      await instance.start();
      await instance.ready();
    }
  });
  await hasAll(steady);
  expect(findFaults(steady.items)).toEqual({ disordered: [], repeated: [] });
  expect(steady.endedCleanly).toBeGreaterThan(0);
});

test('instances that are killed break their feeds, and consumers go on behind what they have', async () => {
  const before = steady.connected;
  await underLoad('kill', async () => {
    for (const instance of stack.instances) {
      await instance.kill();
      await instance.start();
      await instance.ready();
    }
  });
  await hasAll(steady);
  expect(findFaults(steady.items)).toEqual({ disordered: [], repeated: [] });
  expect(steady.connected).toBeGreaterThan(before);
});

test('after all of that it delivered what is stored, and so does a feed that begins now', async () => {
  const stored = (await listAll(stack.url)).map(({ id }) => id);
  await using late = new FeedConsumer(stack.url);
  for (const consumer of [steady, late]) {
    await waitFor(() => consumer.items.length >= stored.length, { ...eventually, what: 'not everything came' });
    expect(consumer.items.map(({ id }) => id).toSorted()).toEqual(stored.toSorted());
    expect(findFaults(consumer.items)).toEqual({ disordered: [], repeated: [] });
  }
});
