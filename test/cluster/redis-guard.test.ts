// The start guard of a Redis node: whoever dies, loses its disk or comes back, no write that all nodes had is lost.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import { LocalLauncher } from '../../stack/local-launcher.ts';
import type { RedisNode } from '../../stack/redis-node.ts';
import { type RedisSet, startRedisSet } from '../../stack/redis-set.ts';
import { loginAs } from '../../stack/secrets.ts';
import { waitFor } from '../../stack/wait.ts';

let dir: string;
let set: RedisSet;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-guard-'));
  set = await startRedisSet({ launcher: new LocalLauncher(join(dir, 'logs')), dir, downAfterMs: 1_000 });
  const master = await set.masterNode();
  // More than the 200 bytes up to which the guard takes a node for an empty one.
  await askRedis(master, ['SET', 'filling', 'x'.repeat(1_000)]);
  await askRedis(master, ['SET', 'kept', 'yes']);
  await expectEverywhere('yes');
});
afterEach(async () => {
  await set.stop();
  await rm(dir, { recursive: true, force: true });
});

async function expectEverywhere(value: string): Promise<void> {
  const hasIt = async (node: RedisNode) => (await read(node)) === value;
  const isEverywhere = async () => (await Promise.all(set.nodes.map(hasIt))).every(Boolean);
  await waitFor(isEverywhere, { timeoutMs: 60_000, what: 'not every node had what was written' });
}

const read = (node: RedisNode) => askRedis(node, ['GET', 'kept']);

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

test('all nodes and Sentinels killed before any Sentinel has heard of a replica', async () => {
  await killAll([...set.nodes, ...set.sentinelNodes]);
  // What a Sentinel has on disk in its first seconds: its id, and no replica yet.
  for (const { dir: home } of set.sentinelNodes) {
    const file = join(home, 'sentinel.conf');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, lines.filter((line) => !/known-replica|known-sentinel/.test(line)).join('\n'));
  }
  await startAll([...set.nodes, ...set.sentinelNodes]);
  await set.settled();
  await expectEverywhere('yes');
});

test('all nodes killed at once, and the master’s disk lost', async () => {
  const master = await set.masterNode();
  await killAll(set.nodes);
  await rm(master.dir, { recursive: true });
  await startAll(set.nodes);
  // Nobody knows which of the others has the newest data, so nobody is promoted until the operator says so.
  const hasAsked = () => master.lastLogLines(50).some((line) => line.includes('replica-priority 0'));
  await waitFor(hasAsked, { timeoutMs: 60_000, what: 'the empty node did not say what it waits for' });
  expect(await set.master()).toBe(master.address);
  const newest = set.nodes.find((node) => node !== master)!;
  await waitFor(async () => (await read(newest)) === 'yes', { timeoutMs: 60_000, what: 'no data' });
  await askRedis(newest, ['CONFIG', 'SET', 'replica-priority', '100']);
  await set.settled();
  expect(await set.master()).toBe(newest.address);
  await expectEverywhere('yes');
});

test('all killed in the moment of a promotion that only one Sentinel remembers', async () => {
  const [, ...others] = set.sentinelNodes;
  const memories = await Promise.all(others.map(({ dir: home }) => readFile(join(home, 'sentinel.conf'), 'utf8')));
  const former = await set.masterNode();
  await former.kill();
  const isReplaced = async () => (await set.master()) !== former.address;
  await waitFor(isReplaced, { timeoutMs: 60_000, what: 'no failover' });
  const promoted = await set.masterNode();
  await askRedis(promoted, ['SET', 'kept', 'newer']);
  await killAll([...set.nodes, ...set.sentinelNodes]);
  await Promise.all(others.map(({ dir: home }, i) => writeFile(join(home, 'sentinel.conf'), memories[i]!)));
  await startAll([...set.nodes, ...set.sentinelNodes]);
  await set.settled();
  expect(await set.master()).toBe(promoted.address);
  await expectEverywhere('newer');
});

test('Sentinels that lost their memory do not make a stale former master the master', async () => {
  const stale = await set.masterNode();
  await stale.kill();
  const isReplaced = async () => (await set.master()) !== stale.address;
  await waitFor(isReplaced, { timeoutMs: 60_000, what: 'no failover' });
  const newest = await set.masterNode();
  await askRedis(newest, ['SET', 'kept', 'newer']);
  await killAll([...set.nodes, ...set.sentinelNodes]);
  for (const sentinel of set.sentinelNodes) await rm(sentinel.dir, { recursive: true });
  await startAll([...set.sentinelNodes, stale]);
  const hasAsked = () => stale.lastLogLines(50).some((line) => line.includes('start-as-master'));
  await waitFor(hasAsked, { timeoutMs: 60_000, what: 'the stale node did not say what it waits for' });
  await startAll(set.nodes.filter((node) => node !== stale));

  // What the operator does.
  const { username, password } = loginAs(set.secrets, 'sentinel');
  for (const sentinel of set.sentinelNodes) {
    await askRedis(sentinel, ['SENTINEL', 'REMOVE', set.masterName]);
    await askRedis(sentinel, ['SENTINEL', 'MONITOR', set.masterName, '127.0.0.1', `${newest.port}`, '2']);
    // Sentinel forgets as whom it comes to the nodes together with their master.
    await askRedis(sentinel, ['SENTINEL', 'SET', set.masterName, 'auth-user', username, 'auth-pass', password]);
  }
  await writeFile(join(newest.dir, 'start-as-master'), '');
  await set.settled();
  await expectEverywhere('newer');
  expect(existsSync(join(newest.dir, 'start-as-master'))).toBe(false);
});
