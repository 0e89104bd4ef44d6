// The content locks as they are in Redis, and somebody who takes them away from their holders.
import { Redis } from 'ioredis';
import { clientOptions } from '../stack/ask-redis.ts';
import type { RedisNode } from '../stack/redis-node.ts';

/** Longer than a save takes, so that whoever was robbed meets it; short, so that nobody waits for long. */
const STOLEN_FOR_MS = 300;
/** To a pattern one may subscribe only as it stands in ops/redis/users.acl, and no narrower. */
const EVENTS = '__key*__:*';
const OF_A_LOCK = '__keyspace@0__:lock:';

/** The names of all locks that are held now. */
export async function heldLocks(node: RedisNode): Promise<string[]> {
  const client = new Redis({ ...clientOptions(node), retryStrategy: () => null });
  client.on('error', () => {});
  try {
    const locks: string[] = [];
    let cursor = '0';
    do {
      const [next, keys] = await client.scan(cursor, 'MATCH', 'lock:*', 'COUNT', 50_000);
      locks.push(...keys);
      cursor = next;
    } while (cursor !== '0');
    return locks;
  } finally {
    client.disconnect();
  }
}

/** Replaces every lock by one of its own the moment it is taken, until it is disposed of. */
export class LockThief implements AsyncDisposable {
  #stolen = 0;
  readonly #events: Redis;
  readonly #commands: Redis;

  private constructor(events: Redis, commands: Redis) {
    this.#events = events;
    this.#commands = commands;
  }

  static async at(node: RedisNode): Promise<LockThief> {
    const clients = [new Redis(clientOptions(node)), new Redis(clientOptions(node))] as const;
    for (const client of clients) client.on('error', () => {});
    const thief = new LockThief(...clients);
    await thief.#commands.config('SET', 'notify-keyspace-events', 'K$');
    thief.#events.on('pmessage', (_pattern, channel: string) => {
      if (channel.startsWith(OF_A_LOCK)) void thief.#steal(channel);
    });
    await thief.#events.psubscribe(EVENTS);
    return thief;
  }

  get stolen(): number {
    return this.#stolen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#events.disconnect();
    await this.#commands.config('SET', 'notify-keyspace-events', '').catch(() => {});
    this.#commands.disconnect();
  }

  async #steal(channel: string): Promise<void> {
    const lock = channel.slice(channel.indexOf(':') + 1);
    // Ours makes an event too, and stealing it again would go on for ever.
    const taken = await this.#commands
      .eval(
        `local holder = redis.call('GET', KEYS[1])
        if not holder or holder == 'stolen' then return 0 end
        redis.call('SET', KEYS[1], 'stolen', 'PX', ARGV[1])
        return 1`,
        1,
        lock,
        STOLEN_FOR_MS,
      )
      .catch(() => 0);
    this.#stolen += Number(taken);
  }
}
