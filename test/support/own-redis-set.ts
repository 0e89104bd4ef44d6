// A Redis set for one test that does it harm.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import type { RedisNode } from '../../stack/redis-node.ts';
import { type RedisSet, type RedisSetOptions, startRedisSet } from '../../stack/redis-set.ts';
import { waitFor } from '../../stack/wait.ts';
import { TEST_PREFIXES } from './open-store.ts';
import { redisLauncher } from './redis-backend.ts';

/**
 * Starts a set of the test's own where the shared one runs too; stopped and removed when disposed of, which fails when a
 * role was refused something, unless the test is about that (`refuses`).
 */
export async function ownRedisSet({
  refuses = false,
  ...options
}: Partial<RedisSetOptions> & { readonly refuses?: boolean } = {}): Promise<
  { readonly set: RedisSet } & AsyncDisposable
> {
  const dir = await mkdtemp(join(tmpdir(), 'items-test-'));
  const launcher = redisLauncher(inject('redisBackend'), join(dir, 'log'));
  const set = await startRedisSet({ launcher, dir, secrets: inject('secrets'), keyPrefix: TEST_PREFIXES, ...options });
  return {
    set,
    async [Symbol.asyncDispose]() {
      const refused = refuses ? [] : await set.refused();
      await set.stop();
      await rm(dir, { recursive: true, force: true });
      if (refused.length > 0) throw new Error(`refused by ${refused.join('; ')}`);
    },
  };
}

/** Freezes nodes and waits until they really are silent: a container's signal takes a moment to arrive. */
export async function pauseAll(...nodes: readonly RedisNode[]): Promise<void> {
  for (const node of nodes) node.pause();
  await Promise.all(
    nodes.map((node) => until(async () => isFrozen(node) ?? !(await answers(node)), node, 'fall silent')),
  );
}

/** Lets nodes go on and waits until they answer. */
export async function resumeAll(...nodes: readonly RedisNode[]): Promise<void> {
  for (const node of nodes) node.resume();
  await Promise.all(nodes.map((node) => until(() => answers(node), node, 'answer')));
}

/** What the system says of its process; null where that cannot be seen. On a busy machine a late answer is no silence. */
function isFrozen({ pid }: RedisNode): boolean | null {
  try {
    const [, state] = /^\d+ \(redis[^)]*\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return state === undefined ? null : state === 'T';
  } catch {
    return null;
  }
}

const answers = (node: RedisNode): Promise<boolean> =>
  askRedis(node, ['PING'], 500).then(
    () => true,
    () => false,
  );

async function until(condition: () => Promise<boolean>, node: RedisNode, what: string): Promise<void> {
  await waitFor(condition, { timeoutMs: 20_000, everyMs: 10, what: `${node.name} did not ${what}` });
}
