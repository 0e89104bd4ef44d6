// Every key in Redis, in one place. `{p}` is the hash tag that keeps a partition in one slot of a Redis Cluster.
import type { ContentKey } from '../items/content.ts';

export type Keyspace = {
  readonly prefix: string;
  readonly partitions: number;
  readonly buckets: number;
};

/** Where a content belongs: both numbers come from its digest, so every instance finds the same place. */
export function placeOf(space: Keyspace, { digest }: ContentKey): { partition: number; bucket: number } {
  return {
    partition: digest.readUInt16BE(0) % space.partitions,
    bucket: digest.readUInt32BE(2) % space.buckets,
  };
}

/** Stream: the items of a partition. */
export const itemsKey = (space: Keyspace, partition: number): string => `${space.prefix}items:{${partition}}`;

/** Hash: digest → stream id, for the contents of one bucket. */
export const indexKey = (space: Keyspace, partition: number, bucket: number): string =>
  `${indexKeyPrefix(space, partition)}${bucket}`;
const indexKeyPrefix = (space: Keyspace, partition: number): string => `${space.prefix}index:{${partition}}:`;

/** Hash: saved, duplicates, replayed, deleted. */
export const countsKey = (space: Keyspace, partition: number): string => `${space.prefix}counts:{${partition}}`;

// 128 bits of the digest: the key stays within the 44 bytes that Redis keeps in one piece of memory with its object.
const LOCK_HEX_DIGITS = 32;

/** String with TTL: Redlock's value, which is the fencing token. */
export const lockKey = (space: Keyspace, key: ContentKey): string =>
  `${space.prefix}lock:{${placeOf(space, key).partition}}:${key.hex.slice(0, LOCK_HEX_DIGITS)}`;

/** Many locks in one argument of a script. No prefix has a line break in it. */
export const lockList = (lockKeys: readonly (string | number)[]): string => lockKeys.join('\n');

/** What the keys of idempotency keys begin with; behind it comes the token. String with TTL: the digest that it was used for. */
export const recordKeyPrefix = (space: Keyspace): string => `${space.prefix}key:{k}:`;

/** What save-items.lua needs of a partition: its log, its counts, and what the keys of its index begin with. */
export const partitionKeys = (space: Keyspace, partition: number): string[] => [
  itemsKey(space, partition),
  countsKey(space, partition),
  indexKeyPrefix(space, partition),
];

/** String: written by feeds, so that a WAIT on their connection has a write to wait for. */
export const feedMarkKey = (space: Keyspace): string => `${space.prefix}feed-mark`;

/** Channel: what instances say of themselves, for the status page. Nothing of it is stored. */
export const statusChannel = (space: Pick<Keyspace, 'prefix'>): string => `${space.prefix}status`;

/** Hash: data version, partition and bucket counts. */
export const metaKey = (space: Keyspace): string => `${space.prefix}meta`;
