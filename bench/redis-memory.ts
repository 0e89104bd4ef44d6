// What keys take in the memory of a Redis node, by kind of key.
import { Redis } from 'ioredis';
import { loginAs } from '../stack/secrets.ts';
import type { RedisNode } from '../stack/redis-node.ts';

export type KeyKind = {
  /** What the names begin with, up to the first colon. */
  readonly name: string;
  readonly keys: number;
  readonly encodings: readonly string[];
  /** All keys of this kind together, by MEMORY USAGE of some of them. */
  readonly bytes: number;
};

export type RedisMemory = {
  readonly bytes: number;
  readonly residentBytes: number;
  readonly kinds: readonly KeyKind[];
};

/** Of so many keys of a kind the memory is asked. */
const SAMPLES = 400;
/** Entries of a stream or a hash whose size Redis looks at. */
const ENTRIES = 200;

/** `bytes` is all but the buffers of replicas and clients, which do not grow with the data. */
export async function memoryOf({ host, port }: RedisNode, secrets: string): Promise<RedisMemory> {
  const redis = new Redis({ host, port, maxRetriesPerRequest: 0, ...loginAs(secrets, 'operator') });
  try {
    const info = await redis.info('memory');
    const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    const buffers = field('mem_total_replication_buffers') + field('mem_clients_normal') + field('mem_clients_slaves');
    const names = new Map<string, string[]>();
    for await (const keys of redis.scanStream({ count: 1_000 }) as AsyncIterable<string[]>) {
      for (const key of keys) {
        const kind = key.slice(0, key.indexOf(':') === -1 ? undefined : key.indexOf(':'));
        const list = names.get(kind);
        if (list === undefined) names.set(kind, [key]);
        else list.push(key);
      }
    }
    const kinds = [];
    for (const [name, keys] of names) kinds.push(await kindOf(redis, name, keys));
    return { bytes: field('used_memory') - buffers, residentBytes: field('used_memory_rss'), kinds };
  } finally {
    redis.disconnect();
  }
}

async function kindOf(redis: Redis, name: string, keys: readonly string[]): Promise<KeyKind> {
  const step = Math.max(1, Math.floor(keys.length / SAMPLES));
  const sample = keys.filter((_, i) => i % step === 0);
  const encodings = new Set<string>();
  let bytes = 0;
  for (const key of sample) {
    bytes += (await redis.memory('USAGE', key, 'SAMPLES', ENTRIES)) ?? 0;
    encodings.add(String(await redis.object('ENCODING', key)));
  }
  return {
    name,
    keys: keys.length,
    encodings: [...encodings].toSorted(),
    bytes: (bytes / sample.length) * keys.length,
  };
}
