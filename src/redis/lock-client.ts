// What Redlock talks to in place of the Redis client.
import type { Redis } from 'ioredis';
import { lockList } from './keys.ts';

/**
 * Names all locks of a call in one argument: one each cost both sides more than the locks themselves. Knows the token of
 * an acquire at once, which Redlock makes and tells only with its answer: what goes out behind the acquire needs it.
 */
export class LockClient {
  /** Of the last call. */
  token = '';
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  evalsha(sha1: string, keyCount: number, args: readonly (string | number)[]): Promise<unknown> {
    return this.#redis.evalsha(sha1, 0, ...this.#packed(keyCount, args));
  }

  eval(script: string, keyCount: number, args: readonly (string | number)[]): Promise<unknown> {
    return this.#redis.eval(script, 0, ...this.#packed(keyCount, args));
  }

  #packed(keyCount: number, args: readonly (string | number)[]): (string | number)[] {
    this.token = String(args[keyCount]);
    return [lockList(args.slice(0, keyCount)), ...args.slice(keyCount)];
  }
}
