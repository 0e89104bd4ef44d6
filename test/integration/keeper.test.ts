// The keeper over a real set: what it marks, what it demotes, and what it shows of itself.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askRedis, fields } from '../../stack/ask-redis.ts';
import type { Keeper } from '../../stack/keeper.ts';
import type { RedisNode } from '../../stack/redis-node.ts';
import { waitFor } from '../../stack/wait.ts';
import { ownRedisSet, pauseAll, resumeAll } from '../support/own-redis-set.ts';

let own: Awaited<ReturnType<typeof ownRedisSet>>;
let keeper: Keeper;

beforeAll(async () => {
  // Longer than a busy machine holds a node up: a failover that nobody asked for changes every count.
  own = await ownRedisSet({ downAfterMs: 5_000 });
  [keeper] = own.set.keepers as [Keeper];
});
afterAll(() => own[Symbol.asyncDispose]());

const priorityOf = async (node: RedisNode) =>
  Number(fields(await askRedis(node, ['CONFIG', 'GET', 'replica-priority']))['replica-priority']);

const metric = async (name: string) => {
  const text = await (await fetch(`${keeper.url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length),
  );
};

const becomes = (node: RedisNode, priority: number) =>
  waitFor(
    () =>
      priorityOf(node)
        .then((found) => found === priority)
        .catch(() => false),
    {
      timeoutMs: 30_000,
      everyMs: 5,
      what: `${node.name} did not get priority ${priority}`,
    },
  );

async function replicas(): Promise<[RedisNode, RedisNode]> {
  const master = await own.set.masterNode();
  return own.set.nodes.filter((node) => node !== master) as [RedisNode, RedisNode];
}

describe('the keeper', () => {
  test('marks the replicas as promotable, the master as not, and says so', async () => {
    expect(await priorityOf(await own.set.masterNode())).toBe(0);
    expect(await Promise.all((await replicas()).map(priorityOf))).toEqual([100, 100]);
    // It says what it saw at its next look, not what it has just done.
    await keeper.ready(30_000);
    expect((await fetch(`${keeper.url}/livez`)).status).toBe(200);
    expect(await metric('keeper_nodes{state="master"}')).toBe(1);
    await expect.poll(() => metric('keeper_nodes{state="promotable"}'), { timeout: 30_000 }).toBe(2);
    expect(await metric('keeper_priority_changes_total{to="100"}')).toBe(2);
  });

  test('raises a replica that came back only after it has caught up', async () => {
    const [replica] = await replicas();
    await replica.kill();
    await replica.start();
    await becomes(replica, 0);
    await becomes(replica, 100);
    const [, , , state] = (await askRedis(replica, ['ROLE'])) as string[];
    expect(state).toBe('connected');
    await own.set.settled();
  });

  test('lowers a replica that hung before anybody can promote it, and raises it again', async () => {
    const [replica] = await replicas();
    await pauseAll(replica);
    const isGone = async () => (await metric('keeper_nodes{state="unreachable"}')) === 1;
    await waitFor(isGone, { timeoutMs: 30_000, what: 'the keeper did not miss the replica' });
    const { port } = replica;
    const isDownFor = async (sentinel: RedisNode) => {
      const seen = (await askRedis(sentinel, ['SENTINEL', 'REPLICAS', own.set.masterName])) as unknown[];
      return seen.map(fields).some((node) => node['port'] === `${port}` && node['flags']?.includes('s_down'));
    };
    const isDown = async () => (await Promise.all(own.set.sentinelNodes.map(isDownFor))).every(Boolean);
    await waitFor(isDown, { timeoutMs: 30_000, what: 'the Sentinels did not miss the replica' });
    // From two polls later on saves are confirmed without it.
    const looks = await metric('keeper_looks_total');
    const hasLooked = async () => (await metric('keeper_looks_total')) >= looks + 4;
    await waitFor(hasLooked, { timeoutMs: 30_000, what: 'the keeper does not look' });
    const before = await metric('keeper_priority_changes_total{to="0"}');
    await resumeAll(replica);
    const isLowered = async () => (await metric('keeper_priority_changes_total{to="0"}')) > before;
    await waitFor(isLowered, { timeoutMs: 30_000, what: 'the replica was not lowered' });
    await becomes(replica, 100);
    await own.set.settled();
    // As of its next look.
    await expect.poll(() => metric('keeper_nodes{state="promotable"}'), { timeout: 30_000 }).toBe(2);
  });

  test('makes a former master follow the new one, long before the Sentinels do', async () => {
    const former = await own.set.masterNode();
    await askRedis(own.set.sentinelNodes[0]!, ['SENTINEL', 'FAILOVER', own.set.masterName]);
    const isReplaced = async () => (await own.set.master()) !== former.address;
    await waitFor(isReplaced, { timeoutMs: 30_000, what: 'no failover' });
    await waitFor(async () => (await metric('keeper_demotions_total')) >= 1, {
      timeoutMs: 30_000,
      what: 'the former master was left to the Sentinels',
    });
    await own.set.settled();
    await becomes(former, 100);
    await expect.poll(async () => priorityOf(await own.set.masterNode()), { timeout: 30_000 }).toBe(0);
  });
});
