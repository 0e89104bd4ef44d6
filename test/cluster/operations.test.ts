// What operators do to a Redis set while it serves: restart and upgrade every node, add and replace replicas.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { check } from '../../chaos/checker.ts';
import { Journal } from '../../chaos/journal.ts';
import { type Load, startLoad } from '../../chaos/load.ts';
import { untilQuiet } from '../../chaos/quiet.ts';
import { readCopy, readListing } from '../../chaos/read-back.ts';
import { askRedis } from '../../stack/ask-redis.ts';
import { Ports } from '../../stack/ports.ts';
import { RedisNode } from '../../stack/redis-node.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import { dockerAnswers } from '../support/compose.ts';
import { MovingLauncher } from '../support/moving-launcher.ts';
import { asOperator, digestOf, runScript } from '../support/ops-script.ts';

const local = /v=([\d.]+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? '';
/** The upgrade goes from the version of this machine to that of the containers. */
const canUpgrade = dockerAnswers() && local.startsWith('7.');
if (!canUpgrade) console.warn(`the upgrade of Redis is skipped: it needs Docker and a local Redis 7, here is ${local}`);

let dir: string;
let stack: Stack;
let launcher: MovingLauncher;
/** Of all tests: what is stored is theirs together. */
const journal = new Journal();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-operations-'));
  launcher = new MovingLauncher(join(dir, 'logs'));
  stack = await startStack({ dir, launcher, instances: 2, downAfterMs: 2_000 });
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

const loads: Load[] = [];
function loaded(): Load {
  const seed = loads.length + 1;
  const load = startLoad({ urls: [stack.url], clients: 8, requestsPerSecond: 100, seed, journal });
  loads.push(load);
  return load;
}
// That of a test that has failed would go on.
afterEach(() => Promise.all(loads.map((load) => load.stop())));

async function savedMore(load: Load): Promise<void> {
  const { saved } = load.stats();
  await expect.poll(() => load.stats().saved, eventually).toBeGreaterThan(saved + 50);
}

/** No client saw anything but a longer wait, and all nodes hold exactly what was acknowledged. */
async function expectNothingLost(load: Load, nodes: readonly RedisNode[] = stack.redis.nodes): Promise<void> {
  await load.stop();
  const { refused, unknown, longestGapMs } = load.stats();
  console.log(`longest time without a save: ${(longestGapMs / 1_000).toFixed(1)} s`);
  expect({ refused, unknown }).toEqual({ refused: {}, unknown: 0 });
  await stack.redis.settled();
  await untilQuiet(stack);
  const copies = await Promise.all(nodes.map((node) => readCopy({ node, prefix: '' })));
  const { counts, examples } = check({ attempts: journal, copies, listing: await readListing(stack.url) });
  expect(counts, JSON.stringify(examples)).toEqual(Object.fromEntries(Object.keys(counts).map((kind) => [kind, 0])));
}

async function settled(replicas = 2): Promise<void> {
  const env = { ...asOperator(stack.redis), WAIT_SECONDS: '110' };
  const { code, stderr } = await runScript('settled.sh', [`${replicas}`], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

async function switchover(): Promise<void> {
  const { code, stderr } = await runScript('switchover.sh', [], { env: asOperator(stack.redis), timeoutMs: 240_000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

/**
 * To a newer version. Where the promotion takes longer than writes are held back, as it can on a busy machine, the former
 * master needs a full copy and cannot read that of a newer version: it stays out until it is upgraded, which comes next.
 */
async function switchoverToNewer(): Promise<void> {
  const { code, stderr } = await runScript('switchover.sh', [], { env: asOperator(stack.redis), timeoutMs: 240_000 });
  expect(code === 0 ? '' : stderr).toMatch(/^(switchover: \S+ is master, but not all follow it\n)?$/);
}

async function restart(node: RedisNode): Promise<void> {
  await node.stop();
  await node.start();
  await node.ready(120_000);
  await settled();
}

/** In the order of docs/runbook.md: Sentinels, replicas, and the master when another node has taken over. */
async function restartAll(load: Load, moveMaster = switchover): Promise<void> {
  const { nodes, sentinelNodes } = stack.redis;
  for (const sentinel of sentinelNodes) await restart(sentinel);
  const master = await stack.redis.masterNode();
  for (const node of nodes.filter((one) => one !== master)) {
    await restart(node);
    await savedMore(load);
  }
  await moveMaster();
  expect(await stack.redis.masterNode()).not.toBe(master);
  await restart(master);
  await savedMore(load);
}

const startedAt = (nodes: readonly RedisNode[]) => nodes.map(({ pid }) => pid);

test('every Redis node and every Sentinel restarted under load: no client sees an error, nothing is lost', async () => {
  const parts = [...stack.redis.nodes, ...stack.redis.sentinelNodes];
  const before = startedAt(parts);
  const load = loaded();
  await savedMore(load);
  await restartAll(load);
  expect(new Set(startedAt(parts)).intersection(new Set(before))).toEqual(new Set());
  await expectNothingLost(load);
});

test('a replica whose disk is lost comes back with everything', async () => {
  const load = loaded();
  await savedMore(load);
  const master = await stack.redis.masterNode();
  const replica = stack.redis.nodes.find((node) => node !== master)!;
  await replica.stop();
  await rm(replica.dir, { recursive: true });
  await replica.start();
  await settled();
  await savedMore(load);
  await expectNothingLost(load);
  expect(await digestOf(stack.redis, replica)).toBe(await digestOf(stack.redis, master));
});

test('a replica is added while clients save, counts for each acknowledgement, and is taken away again', async () => {
  const load = loaded();
  await savedMore(load);
  await using ports = await Ports.reserve();
  const { secrets, sentinels } = stack.redis;
  const added = RedisNode.data({
    launcher,
    dir: join(dir, 'redis'),
    secrets,
    name: 'redis-4',
    port: await ports.get('redis-4'),
    env: { SENTINELS: sentinels, REPLICA_PRIORITY: '0', REDIS_KEY_PREFIX: '' },
  });
  try {
    await added.start();
    await settled(3);
    await savedMore(load);
    await load.stop();
    await untilStored(added);
    expect(await digestOf(stack.redis, added)).toBe(await digestOf(stack.redis, await stack.redis.masterNode()));
  } finally {
    await added.stop();
  }
  // Nobody forgets a replica by itself; until then nothing can be switched over.
  const forget = () => runScript('forget.sh', [], { env: asOperator(stack.redis) });
  const [sentinel] = stack.redis.sentinelNodes;
  sentinel!.pause();
  try {
    expect(await forget()).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('not every Sentinel'),
    });
  } finally {
    sentinel!.resume();
  }
  const forgotten = await forget();
  expect(forgotten).toMatchObject({ code: 0, stderr: '' });
  // One after the other, and each only when the one before knows all that are left.
  const left = new Set(stack.redis.nodes.map(({ address }) => address));
  left.delete(await stack.redis.master());
  const known = forgotten.stdout
    .trimEnd()
    .split('\n')
    .map((line) => new Set(line.trim().split(' ').slice(3)));
  expect(known).toEqual(stack.redis.sentinelNodes.map(() => left));
  await settled();
  const again = loaded();
  await savedMore(again);
  await expectNothingLost(again);
  // By another Sentinel: the one that stood still may be in TILT, and would fail nothing over for 30 s.
  await switchover();
});

/** What the master has had, a replica has a moment later. */
async function untilStored(node: RedisNode): Promise<void> {
  const goal = await offsetOf(await stack.redis.masterNode());
  await expect.poll(() => offsetOf(node), eventually).toBeGreaterThanOrEqual(goal);
}

async function offsetOf(node: RedisNode): Promise<number> {
  const info = String(await askRedis(node, ['INFO', 'replication']));
  return Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1]);
}

test.skipIf(!canUpgrade)(
  'Redis 7 is upgraded under load, node by node, to that of the containers: no client sees an error, nothing is lost',
  async () => {
    await settled();
    const parts = [...stack.redis.nodes, ...stack.redis.sentinelNodes];
    const versions = async () => new Set(await Promise.all(parts.map(versionOf)));
    expect(await versions()).toEqual(new Set([local]));
    for (const { name } of parts) launcher.move(name);
    const load = loaded();
    await savedMore(load);
    await restartAll(load, switchoverToNewer);
    const [upgraded, ...others] = await versions();
    expect(others).toEqual([]);
    expect(upgraded).toMatch(/^8\./);
    console.log(`upgraded from ${local} to ${upgraded}`);
    await expectNothingLost(load);
  },
  // Twelve starts and stops of containers: 255 s on a machine with a load of 120.
  600_000,
);

async function versionOf(node: RedisNode): Promise<string | undefined> {
  return /^redis_version:([\d.]+)/m.exec(String(await askRedis(node, ['INFO', 'server'])))?.[1];
}

const eventually = { timeout: 60_000, interval: 100 };
