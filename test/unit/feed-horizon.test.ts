// The horizon of the feed and its reads count for the connection that they were asked on, and for no other.
import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { countRule } from '../../src/redis/acknowledgement.ts';
import { FeedHorizon } from '../../src/redis/feed-horizon.ts';
import { waitFor } from '../../stack/wait.ts';

type Reply = [error: null, result: unknown];

/** Answers what the horizon asks for, of one partition with one item; `hold` keeps its answers back. */
class StubRedis extends EventEmitter {
  hold: Promise<void> | null = null;
  units = 0;
  ranges = 0;

  pipeline() {
    const replies: Reply[] = [];
    const unit = {
      hget: () => replies.push([null, '1']),
      evalsha: () => replies.push([null, [['1', '5-0']]]),
      exec: () => {
        this.units++;
        return this.#answer(replies);
      },
    };
    return unit;
  }

  xrange() {
    this.ranges++;
    return this.#answer([['5-0', ['c', 'text', 'm', 's anonymous ']]]);
  }

  async #answer<T>(reply: T): Promise<T> {
    await this.hold;
    return reply;
  }
}

let redis: StubRedis;
let horizon: FeedHorizon;
const known = () => waitFor(() => horizon.current, { timeoutMs: 20_000, everyMs: 1, what: 'nothing is confirmed' });
const isAsked = (what: 'units' | 'ranges', times: number) =>
  waitFor(() => redis[what] === times, { timeoutMs: 20_000, everyMs: 1, what: `${what}: not asked` });

beforeEach(() => {
  redis = new StubRedis();
  const space = { prefix: '', partitions: 1, buckets: 1 };
  horizon = new FeedHorizon(redis as unknown as Redis, space, countRule(0, 0));
});
afterEach(() => horizon.release());

test('a horizon is gone with its connection, and is confirmed anew on the next one', async () => {
  horizon.use();
  expect(await known()).toMatchObject({ connection: 0, tails: [{ ms: 5, seq: 0 }] });
  redis.emit('close');
  expect(horizon.current).toBeNull();
  expect(await known()).toMatchObject({ connection: 1, tails: [{ ms: 5, seq: 0 }] });
});

test('what was asked on a connection that is gone confirms nothing', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  redis.hold = promise;
  horizon.use();
  await isAsked('units', 1);
  redis.emit('close');
  redis.hold = null;
  resolve();
  expect(await known()).toMatchObject({ connection: 1 });
});

test('a read that its connection did not live to see answered is none, and one for an older horizon is not asked', async () => {
  horizon.use();
  const old = await known();
  expect(await horizon.read(old, 0, null)).toHaveLength(1);
  const { promise, resolve } = Promise.withResolvers<void>();
  redis.hold = promise;
  const reading = horizon.read(old, 0, null);
  await isAsked('ranges', 2);
  redis.emit('close');
  resolve();
  expect(await reading).toBeNull();
  redis.hold = null;
  expect(await horizon.read(old, 0, null)).toBeNull();
  expect(redis.ranges).toBe(2);
  expect(await horizon.read(await known(), 0, null)).toHaveLength(1);
});
