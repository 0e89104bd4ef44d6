// Sums up what the scripts counted in each partition.
import type { Redis } from 'ioredis';
import type { ItemCounts } from '../items/ports.ts';
import { countsKey, itemsKey, type Keyspace } from './keys.ts';

const COUNTED = ['saved', 'duplicates', 'replayed', 'deleted'] as const;

/** Throws what ioredis throws when Redis cannot be asked. */
export async function readCounts(redis: Redis, space: Keyspace): Promise<ItemCounts> {
  const reads = redis.pipeline();
  for (let partition = 0; partition < space.partitions; partition++) {
    reads.hmget(countsKey(space, partition), ...COUNTED);
    reads.xlen(itemsKey(space, partition));
  }
  const total = { saved: 0, duplicates: 0, replayed: 0, deleted: 0, stored: 0 };
  for (const [error, reply] of (await reads.exec()) ?? []) {
    if (error !== null) throw error;
    if (typeof reply === 'number') total.stored += reply;
    else COUNTED.forEach((name, i) => (total[name] += Number((reply as (string | null)[])[i] ?? 0)));
  }
  return total;
}
