// Keeps processes with other settings away from the data: partitions and buckets decide where a content is looked for.
import type { Redis } from 'ioredis';
import { type Keyspace, metaKey } from './keys.ts';

const DATA_VERSION = 2;

/**
 * Writes what this process assumes about the data if nobody has yet, and returns null when it agrees with what stands
 * there, else one line that says how it differs. Throws what ioredis throws when Redis cannot be asked.
 */
export async function checkDataVersion(redis: Redis, space: Keyspace): Promise<string | null> {
  const expected = { version: DATA_VERSION, partitions: space.partitions, buckets: space.buckets };
  const key = metaKey(space);
  let stored = await redis.hgetall(key);
  // Only what is missing: a full Redis refuses even a write that would change nothing, and no instance could start.
  const missing = Object.entries(expected).filter(([field]) => stored[field] === undefined);
  if (missing.length > 0) {
    const writes = redis.pipeline();
    for (const [field, value] of missing) writes.hsetnx(key, field, value);
    for (const [error] of (await writes.exec()) ?? []) if (error !== null) throw error;
    stored = await redis.hgetall(key);
  }
  const differences = Object.entries(expected)
    .filter(([field, value]) => stored[field] !== String(value))
    .map(([field, value]) => `${field} is ${stored[field]}, this process has ${value}`);
  if (differences.length === 0) return null;
  return `the data in Redis was made with other settings (PARTITIONS, INDEX_BUCKETS): ${differences.join('; ')}`;
}
