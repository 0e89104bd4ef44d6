// Merges the logs of all partitions into one listing in the order of ids.
import type { Redis } from 'ioredis';
import { comparePositions, type Item } from '../items/item.ts';
import type { ItemPage, ListCursor, ListOrder, StreamPosition } from '../items/ports.ts';
import { itemsKey, type Keyspace } from './keys.ts';
import { contentOf, itemOf, positionOf, type StreamEntry } from './stream-entry.ts';

// Partitions fill evenly, so a page takes about limit ÷ partitions from each; some slack saves a second round trip.
const MIN_CHUNK = 4;
// Redis holds a whole reply in memory: 8 from each of 16 partitions are 8 MiB at most, and it cuts a connection at 256 MB.
const MAX_CHUNK = 8;
/** A page ends behind the item that reaches this: 1,000 items of 64 KiB would be 64 MiB here and in the answer. */
const PAGE_BYTES = 8 * 1024 * 1024;

type Source = {
  readonly partition: number;
  readonly entries: StreamEntry[];
  /** The last entry that was put on the page, or where the cursor stood. */
  taken: StreamPosition | null;
  /** The last entry that was read. */
  read: StreamPosition | null;
  exhausted: boolean;
};

/**
 * Up to `limit` items after the cursor, and fewer when their contents together take more than 8 MiB. Each partition has a position of its own in the cursor: within a partition ids
 * only grow, so nothing that is saved while somebody pages is skipped, whatever the clocks of two masters say.
 */
export async function listItems(
  redis: Redis,
  space: Keyspace,
  from: ListCursor | ListOrder,
  limit: number,
): Promise<ItemPage> {
  const order = typeof from === 'string' ? from : from.order;
  const sources = Array.from({ length: space.partitions }, (_, partition): Source => {
    const position = typeof from === 'string' ? null : (from.positions[partition] ?? null);
    return { partition, entries: [], taken: position, read: position, exhausted: false };
  });
  const chunk = Math.min(MAX_CHUNK, limit, Math.max(MIN_CHUNK, Math.ceil((limit / space.partitions) * 1.5)));
  const items: Item[] = [];
  let bytes = 0;
  while (items.length < limit && bytes < PAGE_BYTES) {
    await refill(redis, space, sources, order, chunk);
    const next = nextSource(sources, order);
    if (next === null) break;
    const entry = next.entries.shift() as StreamEntry;
    next.taken = positionOf(entry[0], next.partition);
    items.push(itemOf(entry, next.partition));
    bytes += Buffer.byteLength(contentOf(entry).text);
  }
  await refill(redis, space, sources, order, 1);
  const more = sources.some((source) => source.entries.length > 0);
  return { items, next: more ? { order, positions: sources.map((source) => source.taken) } : null };
}

/** Reads on in every partition of which nothing is at hand: the smallest id is known only when all of them show one. */
async function refill(
  redis: Redis,
  space: Keyspace,
  sources: readonly Source[],
  order: ListOrder,
  count: number,
): Promise<void> {
  const empty = sources.filter((source) => source.entries.length === 0 && !source.exhausted);
  if (empty.length === 0) return;
  const reads = redis.pipeline();
  for (const { partition, read } of empty) {
    const key = itemsKey(space, partition);
    const start = read === null ? null : `(${read.ms}-${read.seq}`;
    if (order === 'asc') reads.xrange(key, start ?? '-', '+', 'COUNT', count);
    else reads.xrevrange(key, start ?? '+', '-', 'COUNT', count);
  }
  const replies = (await reads.exec()) ?? [];
  empty.forEach((source, i) => {
    const [error, reply] = replies[i] ?? [new Error('a read was not answered (connection)')];
    if (error !== null) throw error;
    const entries = reply as StreamEntry[];
    source.entries.push(...entries);
    source.exhausted = entries.length < count;
    const last = entries.at(-1);
    if (last !== undefined) source.read = positionOf(last[0], source.partition);
  });
}

function nextSource(sources: readonly Source[], order: ListOrder): Source | null {
  let best: Source | null = null;
  for (const source of sources) {
    if (source.entries[0] === undefined) continue;
    if (best === null || precedes(source, best, order)) best = source;
  }
  return best;
}

function precedes(a: Source, b: Source, order: ListOrder): boolean {
  const [x, y] = [a.entries[0] as StreamEntry, b.entries[0] as StreamEntry];
  const compared = comparePositions(positionOf(x[0], a.partition), positionOf(y[0], b.partition));
  return order === 'asc' ? compared < 0 : compared > 0;
}
