// What Redlock talks to in place of the Redis client.
import type { Redis } from 'ioredis';

/** Knows the token of an acquire at once, which Redlock makes and tells only with its answer: what goes out behind it needs it. */
export class LockClient {
  /** Of the last call. */
  token = '';
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  evalsha(sha1: string, keyCount: number, args: readonly (string | number)[]): Promise<unknown> {
    this.token = String(args[keyCount]);
    return this.#redis.evalsha(sha1, keyCount, ...args);
  }

  eval(script: string, keyCount: number, args: readonly (string | number)[]): Promise<unknown> {
    this.token = String(args[keyCount]);
    return this.#redis.eval(script, keyCount, ...args);
  }
}
