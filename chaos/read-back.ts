// Reads everything that a Redis node, or the API, holds: raw, without any of the service's own code.
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientOptions, type RedisAddress } from '../stack/ask-redis.ts';
import { asJson, writtenDown } from './content-form.ts';
import type { Copy, Entry, Listing } from './copy.ts';
import { findKeys, type StoreKey } from './store-keys.ts';
import { StringPool } from './string-pool.ts';

export type NodeToRead = {
  readonly node: RedisAddress;
  /** REDIS_KEY_PREFIX of the service. */
  readonly prefix: string;
  /** Shared among the copies and the listing of one run, it keeps one string in memory where there would be four. */
  readonly pool?: StringPool;
};

const ENTRIES_PER_READ = 1_000;
const HASHES_PER_READ = 500;
const COMMAND_TIMEOUT_MS = 30_000;
const LISTING_TRIES = 5;

/** All items, the whole index and the counts of one node; throws when the node does not answer or a key is unknown. */
export async function readCopy({ node, prefix, pool = new StringPool() }: NodeToRead): Promise<Copy> {
  const redis = new Redis({
    ...clientOptions(node),
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
  });
  // The command that fails because of it throws the same error.
  redis.on('error', () => {});
  try {
    await redis.connect();
    const { logs, indexes, counts } = await findKeys(redis, prefix);
    const entries: Entry[] = [];
    for (const key of logs) await readLog(redis, key, entries, pool);
    const index = new Map<string, string>();
    const indexedTwice: string[] = [];
    for (let at = 0; at < indexes.length; at += HASHES_PER_READ) {
      for (const [digest, id] of await readIndexes(redis, indexes.slice(at, at + HASHES_PER_READ), pool)) {
        if (index.has(digest)) indexedTwice.push(digest);
        index.set(digest, id);
      }
    }
    return { node: `${node.host}:${node.port}`, entries, index, indexedTwice, counts: await readCounts(redis, counts) };
  } finally {
    redis.disconnect();
  }
}

async function readLog(redis: Redis, { name, partition }: StoreKey, entries: Entry[], pool: StringPool): Promise<void> {
  for (let from = '-'; ;) {
    const page = await redis.xrange(name, from, '+', 'COUNT', ENTRIES_PER_READ);
    for (const [id, fields] of page) {
      let content = '';
      let isJsonValue = false;
      const rest: string[] = [];
      for (let i = 0; i + 1 < fields.length; i += 2) {
        const [field, value = ''] = [fields[i], fields[i + 1]];
        if (field === 'c') content = value;
        else rest.push(`${field}=${value}`);
        if (field === 'm') isJsonValue = value.startsWith('j');
      }
      entries.push({
        id: pool.of(`${id}-${partition}`),
        content: pool.of(isJsonValue ? asJson(content) : content),
        rest: pool.of(rest.join(' ')),
      });
    }
    const last = page.at(-1);
    if (last === undefined || page.length < ENTRIES_PER_READ) return;
    from = `(${last[0]}`;
  }
}

/** HSCAN and not HGETALL, of which the client library would make objects with text for binary digests. */
async function readIndexes(redis: Redis, keys: readonly StoreKey[], pool: StringPool): Promise<[string, string][]> {
  const pairs: [string, string][] = [];
  let open = keys.map((key) => ({ key, cursor: '0' }));
  while (open.length > 0) {
    const reads = redis.pipeline();
    for (const { key, cursor } of open) reads.hscanBuffer(key.name, cursor, 'COUNT', ENTRIES_PER_READ);
    const replies = (await reads.exec()) ?? [];
    const rest: typeof open = [];
    open.forEach(({ key }, i) => {
      const [error, reply] = replies[i] ?? [new Error('no reply')];
      if (error !== null) throw error;
      const [cursor, fields] = reply as [Buffer, Buffer[]];
      for (let f = 0; f + 1 < fields.length; f += 2) {
        const [digest, id] = [fields[f], fields[f + 1]];
        pairs.push([pool.of(`${digest?.toString('hex')}`), pool.of(`${id?.toString()}-${key.partition}`)]);
      }
      if (cursor.toString() !== '0') rest.push({ key, cursor: cursor.toString() });
    });
    open = rest;
  }
  return pairs;
}

async function readCounts(redis: Redis, keys: readonly StoreKey[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { name, partition } of keys) {
    for (const [field, value] of Object.entries(await redis.hgetall(name))) {
      counts.set(`${partition}.${field}`, Number(value));
    }
  }
  return counts;
}

/** All items that the service behind `url` lists; throws when a page cannot be had in a few tries. */
export async function readListing(url: string, pool = new StringPool()): Promise<Listing> {
  const items: { id: string; content: string }[] = [];
  let cursor: string | null = null;
  do {
    const page = await readPage(`${url}/v1/items?limit=1000${cursor === null ? '' : `&cursor=${cursor}`}`);
    for (const { id, content } of page.items) items.push({ id: pool.of(id), content: pool.of(writtenDown(content)) });
    cursor = page.nextCursor;
  } while (cursor !== null);
  return { items };
}

type Page = { readonly items: { id: string; content: unknown }[]; readonly nextCursor: string | null };

async function readPage(url: string): Promise<Page> {
  for (let tries = 1; ; tries++) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS) });
      if (answer.status !== 200) throw new Error(`GET ${url} answered ${answer.status}: ${await answer.text()}`);
      return (await answer.json()) as Page;
    } catch (error) {
      if (tries === LISTING_TRIES) throw error;
      await sleep(500);
    }
  }
}
