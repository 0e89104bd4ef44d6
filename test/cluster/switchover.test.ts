// ops/redis/switchover.sh: a planned change of the master costs clients nothing but a moment, or does not begin.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import type { RedisNode } from '../../stack/redis-node.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import { startLoad } from '../support/http-load.ts';
import { listAll } from '../support/list-all.ts';
import { asOperator, runScript } from '../support/ops-script.ts';

let dir: string;
let stack: Stack;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-switchover-'));
  stack = await startStack({ dir, instances: 2, downAfterMs: 1_000 });
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

type Ended = { code: number | null; output: string };

async function runSwitchover(args: readonly string[], timeoutMs?: number): Promise<Ended> {
  const options = { env: asOperator(stack.redis), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  const { code, stdout, stderr } = await runScript('switchover.sh', args, options);
  return { code, output: stdout + stderr };
}

/** One that refuses waits for nothing: without a bound, one that does not would be noticed after minutes. */
const refused = (...args: string[]) => runSwitchover(args, 45_000);

const priorities = () =>
  Promise.all(
    stack.redis.nodes
      .filter(({ running }) => running)
      .map((node) => askRedis(node, ['CONFIG', 'GET', 'replica-priority'])),
  );

test('under load, to the node that was asked for: no client sees an error and nothing is lost', async () => {
  const load = startLoad(stack.url, 'switchover');
  await expect.poll(load.count, eventually).toBeGreaterThan(200);
  const before = await stack.redis.masterNode();
  const target = stack.redis.nodes.findLast((node) => node !== before)!;

  const { code, output } = await runSwitchover([target.address]);
  expect(output).toContain(`${target.address} is master`);
  expect(code).toBe(0);
  expect(await stack.redis.master()).toBe(target.address);
  // The Sentinel that leads may have closed the connection of this question: it tells the former master to follow, too.
  const role = () => askRedis(before, ['ROLE']).catch(() => undefined);
  await expect.poll(role, eventually).toEqual(['slave', '127.0.0.1', target.port, 'connected', expect.any(Number)]);
  // Nothing stays of what the script set; the keeper sees to the rest.
  const wanted = stack.redis.nodes.map((node) => ['replica-priority', node === target ? '0' : '100']);
  await expect.poll(priorities, eventually).toEqual(wanted);

  const count = load.count();
  await expect.poll(load.count, eventually).toBeGreaterThan(count + 200);
  const { created, failures } = await load.stop();
  expect(failures).toEqual({});
  const stored = (await listAll(stack.url)).map(({ content }) => content);
  expect(new Set(created).difference(new Set(stored))).toEqual(new Set());
  expect(stored).toHaveLength(new Set(stored).size);
});

test('refused while a replica is down, before the Sentinels noticed and after', async () => {
  await stack.redis.settled();
  const master = await stack.redis.masterNode();
  const replica = stack.redis.nodes.find((node) => node !== master)!;
  await replica.kill();
  const atOnce = await refused();
  expect(atOnce).toMatchObject({ code: 1, output: expect.stringContaining('refused: ') });
  const isSeenDown = async () => (await refused()).output;
  await expect.poll(isSeenDown, eventually).toContain(`takes the replica ${replica.address} for: s_down`);
  expect(await stack.redis.master()).toBe(master.address);
  await replica.start();
  await stack.redis.settled();
});

test('refused while a replica may not be promoted', async () => {
  await stack.redis.settled();
  const master = await stack.redis.masterNode();
  const replica = stack.redis.nodes.find((node) => node !== master)!;
  const [keeper] = stack.redis.keepers;
  keeper!.pause();
  try {
    await askRedis(replica, ['CONFIG', 'SET', 'replica-priority', '0']);
    const { code, output } = await refused();
    expect({ code, output }).toEqual({ code: 1, output: expect.stringMatching(/refused: .*priority 0/) });
    expect(await priorities()).toContainEqual(['replica-priority', '0']);
  } finally {
    keeper!.resume();
  }
  expect(await stack.redis.master()).toBe(master.address);
  await stack.redis.settled();
});

test('refused for a node that is no replica', async () => {
  const master = await stack.redis.master();
  const { code, output } = await refused('127.0.0.1:1');
  expect({ code, output }).toEqual({
    code: 1,
    output: expect.stringMatching(/refused: 127\.0\.0\.1:1 is no replica of/),
  });
  expect(await stack.redis.master()).toBe(master);
});

test('led by a Sentinel that acts, and not by the first one, which stood still and is in TILT for 30 s', async () => {
  await stack.redis.settled();
  const [first] = stack.redis.sentinelNodes;
  await standStill(first!);
  const before = await stack.redis.master();
  const { code, output } = await runSwitchover([]);
  expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/ is master; /) });
  expect(output).not.toContain(first!.address);
  expect(await stack.redis.master()).not.toBe(before);
});

test('refused while all Sentinels are in TILT', async () => {
  await stack.redis.settled();
  const before = await stack.redis.master();
  await standStill(...stack.redis.sentinelNodes);
  expect(await refused()).toEqual({ code: 1, output: expect.stringMatching(/^switchover: refused: .*TILT/) });
  expect(await stack.redis.master()).toBe(before);
});

const isInTilt = async (sentinel: RedisNode) =>
  String(await askRedis(sentinel, ['INFO', 'sentinel'])).includes('sentinel_tilt:1');

/** For longer than the 2 s at which a Sentinel mistrusts its clock. */
async function standStill(...sentinels: readonly RedisNode[]): Promise<void> {
  for (const sentinel of sentinels) sentinel.pause();
  await setTimeout(2_500);
  for (const sentinel of sentinels) sentinel.resume();
  for (const sentinel of sentinels) await expect.poll(() => isInTilt(sentinel), eventually).toBe(true);
}

const eventually = { timeout: 60_000, interval: 100 };
