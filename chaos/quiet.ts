// Waits until nothing moves any more, so that what is read then is what there is.
import { askRedis } from '../stack/ask-redis.ts';
import type { RedisNode } from '../stack/redis-node.ts';
import type { Stack } from '../stack/stack.ts';
import { waitFor } from '../stack/wait.ts';

/** Longer than SAVE_DEADLINE_MS: an instance may go on saving for a client that has gone. */
const DRAIN_MS = 20_000;

/** Waits for instances without saves in flight, and replicas that have all that the master has. */
export async function untilQuiet(stack: Stack): Promise<void> {
  await Promise.all(stack.instances.map((instance) => instance.ready(DRAIN_MS)));
  const isIdle = async (): Promise<boolean> =>
    (await Promise.all(stack.instances.map(({ url }) => pendingSaves(url)))).every((pending) => pending === 0);
  await waitFor(isIdle, { timeoutMs: DRAIN_MS, what: 'the instances did not finish their saves' });
  const master = await stack.redis.masterNode();
  const { offset } = await replication(master);
  const haveAll = async (): Promise<boolean> => {
    const { acknowledged } = await replication(master);
    return acknowledged.length === stack.redis.nodes.length - 1 && acknowledged.every((replica) => replica >= offset);
  };
  await waitFor(haveAll, { timeoutMs: DRAIN_MS, what: 'the replicas did not catch up' });
}

async function pendingSaves(url: string): Promise<number> {
  const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2_000) });
  return Number(/^item_saves_pending (\d+)/m.exec(await answer.text())?.[1]);
}

async function replication(master: RedisNode): Promise<{ offset: number; acknowledged: number[] }> {
  const role = (await askRedis(master, ['ROLE'])) as [string, number, [string, string, string][]];
  return { offset: role[1], acknowledged: role[2].map(([, , offset]) => Number(offset)) };
}
