// The start guard of a Redis node: whoever dies, loses its disk or comes back, no write that all nodes had is lost.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import { LocalLauncher } from '../../stack/local-launcher.ts';
import type { RedisNode } from '../../stack/redis-node.ts';
import { type RedisSet, startRedisSet } from '../../stack/redis-set.ts';
import { waitFor } from '../../stack/wait.ts';

let dir: string;
let set: RedisSet;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-guard-'));
  set = await startRedisSet({ launcher: new LocalLauncher(join(dir, 'logs')), dir, downAfterMs: 1_000 });
  const { port } = await set.masterNode();
  await askRedis(port, ['SET', 'kept', 'yes']);
  await expectEverywhere('yes');
});
afterEach(async () => {
  await set.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Waits until every node answers with this value. */
async function expectEverywhere(value: string): Promise<void> {
  const isEverywhere = async () => (await Promise.all(set.nodes.map(read))).every((one) => one === value);
  await waitFor(isEverywhere, { timeoutMs: 60_000, what: 'not every node had what was written' });
}

const read = ({ port }: RedisNode) => askRedis(port, ['GET', 'kept']);

const killAll = (nodes: readonly RedisNode[]) => Promise.all(nodes.map((node) => node.kill()));
const startAll = (nodes: readonly RedisNode[]) => Promise.all(nodes.map((node) => node.start()));

test('a master that is back before anybody missed it', async () => {
  const master = await set.masterNode();
  await master.kill();
  await master.start();
  await set.settled();
  await expectEverywhere('yes');
});

test('a master that lost its disk becomes a replica and gets everything back', async () => {
  const master = await set.masterNode();
  await master.kill();
  await rm(master.dir, { recursive: true });
  await master.start();
  await set.settled();
  expect(await set.master()).not.toBe(master.address);
  await expectEverywhere('yes');
});

test('a replica that lost its disk gets everything back', async () => {
  const master = await set.master();
  const replica = set.nodes.find(({ address }) => address !== master)!;
  await replica.kill();
  await rm(replica.dir, { recursive: true });
  await replica.start();
  await set.settled();
  await expectEverywhere('yes');
});

test('all nodes and Sentinels killed at once and started again', async () => {
  await killAll([...set.nodes, ...set.sentinelNodes]);
  await startAll([...set.nodes, ...set.sentinelNodes]);
  await set.settled();
  await expectEverywhere('yes');
});

test('all nodes killed at once, and the master’s disk lost', async () => {
  const master = await set.masterNode();
  await killAll(set.nodes);
  await rm(master.dir, { recursive: true });
  await startAll(set.nodes);
  await set.settled();
  expect(await set.master()).not.toBe(master.address);
  await expectEverywhere('yes');
});
