// Finds the keys of the service on a node by their names.
import type { Redis } from 'ioredis';

const KEYS_PER_SCAN = 10_000;

/** The name of a key, and the partition that stands in it. */
export type StoreKey = { readonly name: string; readonly partition: string };
type Keys = {
  readonly logs: readonly StoreKey[];
  readonly indexes: readonly StoreKey[];
  readonly counts: readonly StoreKey[];
};

/**
 * What there is, not what should be there: data under a key that the service would not look at is found as well. Throws
 * when there is a key that nothing is known about.
 */
export async function findKeys(redis: Redis, prefix: string): Promise<Keys> {
  const names = new Set<string>();
  const match = `${prefix.replaceAll(/[*?[\]\\]/g, '\\$&')}[ic]*`;
  for (let cursor = '0'; ;) {
    const [next, found] = await redis.scan(cursor, 'MATCH', match, 'COUNT', KEYS_PER_SCAN);
    for (const name of found) names.add(name);
    if (next === '0') break;
    cursor = next;
  }
  const keys = { items: [] as StoreKey[], index: [] as StoreKey[], counts: [] as StoreKey[] };
  // In the same order on every node, so that what differs is the data.
  for (const name of [...names].toSorted()) {
    const [, kind, partition = ''] = /^(items|index|counts):\{(\d+)\}(?::\d+)?$/.exec(name.slice(prefix.length)) ?? [];
    if (kind !== 'items' && kind !== 'index' && kind !== 'counts') throw new Error(`There should be no key ${name}.`);
    keys[kind].push({ name, partition });
  }
  return { logs: keys.items, indexes: keys.index, counts: keys.counts };
}
