// What the Sentinels of a set say together.
import { askRedis, fields, type RedisAddress } from './ask-redis.ts';
import { MASTER_NAME, type RedisNode } from './redis-node.ts';
import { waitFor } from './wait.ts';

/** Sentinels may be paused or cut off, and are asked again and again: none is waited for longer than this. */
const PATIENCE_MS = 1_000;

/** `host:port` of the node that a majority of the Sentinels names, as soon as it does, or null. */
export async function masterAddress(sentinels: readonly RedisAddress[]): Promise<string | null> {
  const votes = new Map<string, number>();
  const agreed = Promise.withResolvers<string>();
  const asked = sentinels.map(async (sentinel) => {
    const reply = await askRedis(sentinel, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME], PATIENCE_MS);
    if (reply === null) return;
    const address = (reply as string[]).join(':');
    const count = (votes.get(address) ?? 0) + 1;
    votes.set(address, count);
    if (count * 2 > sentinels.length) agreed.resolve(address);
  });
  // One that is silent is not waited for when the others agree.
  return Promise.race([agreed.promise, Promise.allSettled(asked).then(() => null)]);
}

/**
 * Waits until all Sentinels see one healthy master, all other nodes as healthy replicas of it that could be promoted, and
 * each other, and all data is on every disk.
 */
export async function waitUntilSettled(
  nodes: readonly RedisNode[],
  sentinels: readonly RedisNode[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const condition = async (): Promise<boolean> =>
    (await doSentinelsAgree(sentinels, nodes.length - 1)) && (await isReadyEverywhere(nodes));
  const what = `The Redis set (${nodes.length} nodes, ${sentinels.length} Sentinels) did not settle`;
  await setSentinelPace(sentinels, 'fast');
  try {
    await waitFor(condition, { timeoutMs, what, signal });
  } finally {
    await setSentinelPace(sentinels, 'default');
  }
}

/**
 * Whether no node has data that is not on its disk, or may not be promoted. A replica that has just received a full copy has
 * nothing on disk until its append-only file is made anew; and what a Sentinel says of its priority may be seconds old.
 */
async function isReadyEverywhere(nodes: readonly RedisNode[]): Promise<boolean> {
  const replies = await Promise.all(nodes.map((node) => askRedis(node, ['INFO'])));
  return replies.every(
    (reply) =>
      /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r/.test(String(reply)) &&
      !/slave_priority:0\r/.test(String(reply)),
  );
}

/** Whether all Sentinels see one and the same healthy master, that many replicas that could replace it, and each other. */
async function doSentinelsAgree(sentinels: readonly RedisAddress[], replicas: number): Promise<boolean> {
  const masters = await Promise.all(
    sentinels.map((sentinel) => healthyMaster(sentinel, replicas, sentinels.length - 1)),
  );
  return masters.every((master) => master !== null && master === masters[0]);
}

async function healthyMaster(sentinel: RedisAddress, replicas: number, otherSentinels: number): Promise<string | null> {
  const [masterReply, replicaReply, sentinelReply] = await Promise.all([
    askRedis(sentinel, ['SENTINEL', 'MASTER', MASTER_NAME]),
    askRedis(sentinel, ['SENTINEL', 'REPLICAS', MASTER_NAME]),
    askRedis(sentinel, ['SENTINEL', 'SENTINELS', MASTER_NAME]),
  ]);
  const master = fields(masterReply);
  const following = (replicaReply as unknown[])
    .map(fields)
    .filter(
      (replica) =>
        replica['flags'] === 'slave' &&
        replica['master-link-status'] === 'ok' &&
        replica['master-host'] === master['ip'] &&
        replica['slave-priority'] !== '0' &&
        replica['master-port'] === master['port'],
    );
  // Not "sentinel" and nothing else: "master_down", what it last said of an old master, stays for 5 s.
  const watching = (sentinelReply as unknown[])
    .map(fields)
    .filter((other) => !/s_down|disconnected/.test(other['flags'] ?? ''));
  const healthy =
    master['flags'] === 'master' &&
    master['role-reported'] === 'master' &&
    following.length >= replicas &&
    watching.length === otherSentinels;
  return healthy ? `${master['ip']}:${master['port']}` : null;
}

/**
 * Sets how often the Sentinels look around: by default every 10 s at the nodes and every 2 s for each other, which makes
 * the start of a set take that long. They forget it when they restart, and a keeper sets the first one to a second.
 */
async function setSentinelPace(sentinels: readonly RedisAddress[], pace: 'default' | 'fast'): Promise<void> {
  const [info, publish] = pace === 'fast' ? ['200', '200'] : ['10000', '2000'];
  const command: [string, ...string[]] = ['SENTINEL', 'DEBUG', 'INFO-PERIOD', info, 'PUBLISH-PERIOD', publish];
  // A Sentinel that is down has nothing to be set.
  await Promise.allSettled(sentinels.map((sentinel) => askRedis(sentinel, command, PATIENCE_MS)));
}
