// Starts the Redis set that the integration tests share, once, and says where it runs.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startRedisSet } from '../../stack/redis-set.ts';
import { TEST_PREFIXES } from './open-store.ts';
import { chooseRedisBackend, type RedisBackend, redisLauncher } from './redis-backend.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The shared set; tests keep apart by key prefix and harm nobody. */
    sentinels: string;
    redisBackend: RedisBackend;
    /** The directory of the passwords of every set, see `makeSecrets`. */
    secrets: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redisBackend = await chooseRedisBackend();
  const dir = await mkdtemp(join(tmpdir(), 'items-test-'));
  const set = await startRedisSet({
    launcher: redisLauncher(redisBackend, join(dir, 'log')),
    dir,
    keyPrefix: TEST_PREFIXES,
    // Nobody harms a node of it, so one that a busy machine holds up for seconds is not replaced under all tests.
    downAfterMs: 60_000,
  });
  console.log(`integration tests: Redis master, 2 replicas and 3 Sentinels in ${redisBackend}`);
  project.provide('sentinels', set.sentinels);
  project.provide('redisBackend', redisBackend);
  project.provide('secrets', set.secrets);
  return async () => {
    // Tests that try what is forbidden have a set of their own.
    const refused = await set.refused();
    await set.stop();
    await rm(dir, { recursive: true, force: true });
    if (refused.length > 0) throw new Error(`Redis refused what a role should have: ${refused.join('; ')}`);
  };
}
