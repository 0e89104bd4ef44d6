// An instance that stops at any point of the save path, for good or for a while, and another that gets the same request.
import { describe, expect, test } from 'vitest';
import { FAULT_POINTS, type FaultPoint } from '../../src/items/fault-points.ts';
import { FakeRedis } from '../support/fake-store.ts';
import { DEADLINE_MS, LOCK_WAIT_MS, setUp } from '../support/save-queue.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

/** Two instances over one Redis; the first stops at the point until it is told to go on. */
function twoInstances(at: FaultPoint) {
  const [redis, clock] = [new FakeRedis(), new VirtualClock()];
  const { promise, resolve: goOn } = Promise.withResolvers<void>();
  const reached: FaultPoint[] = [];
  const probe = (point: FaultPoint): Promise<void> | void => {
    reached.push(point);
    return point === at ? promise : undefined;
  };
  const first = setUp({ redis, clock, name: 'first', probe });
  return { redis, clock, first, second: setUp({ redis, clock, name: 'second' }), reached, goOn };
}

const REQUESTS = [
  ['an attempt of the proxy', { token: 'attempt' }],
  ['an idempotency key', { key: 'key' }],
] as const;

test('a save passes the points in their order', async () => {
  const { first, reached, goOn } = twoInstances('before-release');
  await first.queue.save(first.request('a'));
  goOn();
  await settle();
  expect(reached).toEqual([...FAULT_POINTS]);
});

describe.each(FAULT_POINTS)('an instance that stops %s', (point) => {
  test.each(REQUESTS)('for good: the same request with %s is answered by another, and saved once', async (_, same) => {
    const { redis, clock, first, second, reached } = twoInstances(point);
    void first.queue.save(first.request('a', same));
    await settle();
    expect(reached.at(-1)).toBe(point);
    const again = second.queue.save(second.request('a', same));
    await clock.advance(LOCK_WAIT_MS);
    expect(['saved', 'replayed']).toContain((await again).kind);
    expect(await second.queue.save(second.request('a'))).toMatchObject({ kind: 'duplicate' });
    expect(redis.saved.size).toBe(1);
  });

  test.each(REQUESTS)('for longer than its lock is respected: with %s it finds its own item', async (_, same) => {
    const { clock, first, second, goOn, redis } = twoInstances(point);
    const paused = first.queue.save(first.request('a', same));
    await settle();
    const again = second.queue.save(second.request('a', same));
    await clock.advance(LOCK_WAIT_MS);
    const { kind } = await again;
    goOn();
    await clock.advance(LOCK_WAIT_MS);
    const kinds = [(await paused).kind, kind];
    expect(kinds).not.toContain('duplicate');
    expect(kinds).not.toContain('in_progress');
    expect([redis.saved.size, redis.holders.size]).toEqual([1, 0]);
  });

  test('for good holds up nobody who posts another content', async () => {
    const { clock, first, second } = twoInstances(point);
    void first.queue.save(first.request('a'));
    await settle();
    const other = second.queue.save(second.request('b', { deadlineMs: DEADLINE_MS }));
    expect(await other).toMatchObject({ kind: 'saved' });
    expect(clock.nowMs()).toBe(0);
  });
});
