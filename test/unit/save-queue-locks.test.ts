// The save path over a store in memory: contents that another instance has locked.
import { describe, expect, test } from 'vitest';
import { DEADLINE_MS, holdCommits, LOCK_BREAK_MS, LOCK_WAIT_MS, setUp } from '../support/save-queue.ts';
import { settle } from '../support/virtual-clock.ts';

const ELSEWHERE = { position: { ms: 1, seq: 1, partition: 1 }, source: 'x', token: 'y' };

describe('a content that is locked elsewhere', () => {
  test('holds nobody else up and is decided when the lock is free', async () => {
    const { queue, request, redis, clock } = setUp();
    const { key } = request('held');
    redis.holders.set(key.hex, 'elsewhere');
    const held = queue.save(request('held'));
    const others = await Promise.all([queue.save(request('b')), queue.save(request('c'))]);
    expect(others.map(({ kind }) => kind)).toEqual(['saved', 'saved']);
    redis.holders.delete(key.hex);
    await clock.advance(200);
    expect(await held).toMatchObject({ kind: 'saved' });
  });

  test('and known is answered at once, and its keys are remembered', async () => {
    const { queue, request, redis, clock, seen } = setUp();
    redis.saved.set(request('held').key.hex, ELSEWHERE);
    redis.holders.set(request('held').key.hex, 'elsewhere');
    const answered = [queue.save(request('held')), queue.save(request('held', { key: 'k' }))];
    expect((await Promise.all(answered)).map(({ kind }) => kind)).toEqual(['duplicate', 'duplicate']);
    expect(await queue.save(request('other', { key: 'k' }))).toEqual({ kind: 'key_reused' });
    expect(await queue.save(request('held', { token: ELSEWHERE.token }))).toMatchObject({ kind: 'replayed' });
    expect([clock.nowMs(), seen.lockLost]).toEqual([0, 0]);
  });

  test('is answered when it is saved there, however long the lock stays', async () => {
    const { queue, request, redis, clock } = setUp();
    const { key } = request('held');
    redis.holders.set(key.hex, 'elsewhere');
    const held = queue.save(request('held'));
    await clock.advance(300);
    redis.saved.set(key.hex, ELSEWHERE);
    await clock.advance(200);
    expect(await held).toMatchObject({ kind: 'duplicate', item: { id: '1-1-1' } });
    expect(redis.holders.get(key.hex)).toBe('elsewhere');
  });

  test('is answered by a full store, which grants no lock', async () => {
    const { queue, request, redis, locks, store, clock } = setUp();
    const [saved, lost] = [request('saved meanwhile'), request('given up meanwhile')];
    for (const { key } of [saved, lost]) redis.holders.set(key.hex, 'elsewhere');
    const answers = Promise.all([queue.save(saved), queue.save(lost).catch((error: unknown) => error)]);
    await settle();
    redis.holders.clear();
    redis.saved.set(saved.key.hex, ELSEWHERE);
    store.isFull = true;
    for (let i = 0; i < 400; i++) {
      locks.faults.push({ kind: 'unavailable', failure: 'storage-full', detail: 'no lock: oom' });
    }
    await clock.advance(200);
    expect(await answers).toMatchObject([{ kind: 'duplicate' }, { code: 'storage-full' }]);
  });

  test('is never saved under that lock, and the last look is at the store', async () => {
    const { queue, request, redis, store, clock, seen } = setUp();
    const { key } = request('held');
    redis.holders.set(key.hex, 'elsewhere-0');
    const held = queue.save(request('held'));
    for (let i = 0; clock.nowMs() < LOCK_WAIT_MS - 100; i++) {
      redis.holders.set(key.hex, `elsewhere-${i}`);
      await clock.advance(100);
    }
    expect([redis.saved.size, seen.lockLost]).toEqual([0, 0]);
    const open = holdCommits(store);
    await clock.advance(200);
    redis.saved.set(key.hex, ELSEWHERE);
    open();
    expect(await held).toMatchObject({ kind: 'duplicate' });
  });

  test('is given up as in progress after the wait, while its holder keeps changing', async () => {
    const { queue, request, redis, clock } = setUp();
    const { key } = request('held');
    const held = queue.save(request('held'));
    redis.holders.set(key.hex, 'elsewhere-0');
    for (let i = 0; i < 30; i++) {
      redis.holders.set(key.hex, `elsewhere-${i}`);
      await clock.advance(100);
    }
    expect(await held).toEqual({ kind: 'in_progress' });
    expect(redis.holders.get(key.hex)).toBe('elsewhere-29');
  });

  test('is taken over from a holder that is dead', async () => {
    const { queue, request, redis, clock } = setUp();
    redis.holders.set(request('held').key.hex, 'dead');
    const held = queue.save(request('held'));
    await clock.advance(LOCK_BREAK_MS - 100);
    expect(redis.saved.size).toBe(0);
    await clock.advance(500);
    expect(await held).toMatchObject({ kind: 'saved' });
  });

  test('is taken over from a dead holder in time, however often the lock service fails meanwhile', async () => {
    const { queue, request, redis, locks, clock } = setUp();
    redis.holders.set(request('held').key.hex, 'dead');
    const held = queue.save(request('held'));
    for (let i = 0; i < 3; i++) {
      await clock.advance(LOCK_BREAK_MS / 3);
      locks.faults.push({ kind: 'unavailable', failure: 'store-unavailable', detail: 'timeout' });
    }
    await clock.advance(500);
    expect(redis.saved.size).toBe(1);
    expect(await held).toMatchObject({ kind: 'saved' });
  });

  test('is taken over from a dead holder even by a process that was held up until after the wait', async () => {
    const { queue, request, redis, clock } = setUp();
    redis.holders.set(request('held').key.hex, 'dead');
    const held = queue.save(request('held'));
    await settle();
    clock.stall(LOCK_WAIT_MS + 1_000);
    await clock.advance(100);
    expect(await held).toMatchObject({ kind: 'saved' });
  });

  test('comes back to find it saved when our own lock was taken over meanwhile', async () => {
    const { queue, request, redis, store, clock, seen } = setUp();
    const open = holdCommits(store);
    const { key } = request('slow');
    const slow = queue.save(request('slow'));
    await settle();
    // Another instance broke our lock, saved, and released its own.
    redis.holders.set(key.hex, 'thief');
    open();
    await settle();
    expect(seen.lockLost).toBe(1);
    redis.saved.set(key.hex, { position: { ms: 5, seq: 0, partition: 2 }, source: 'x', token: 'thief' });
    redis.holders.delete(key.hex);
    await clock.advance(300);
    expect(await slow).toMatchObject({ kind: 'duplicate', item: { id: '5-0-2' } });
  });

  test('is not confused with a lock that could not be asked for: what nobody holds is saved without', async () => {
    const { queue, request, locks, redis } = setUp();
    locks.faults.push({ kind: 'unavailable', failure: 'store-unavailable', detail: 'connection' });
    expect(await queue.save(request('a'))).toMatchObject({ kind: 'saved' });
    redis.holders.set(request('c').key.hex, 'elsewhere');
    void queue.save(request('c'));
    // Both in one batch, which gets all of its locks or none.
    expect(await queue.save(request('b'))).toMatchObject({ kind: 'saved' });
    expect([...redis.holders.values()]).toEqual(['elsewhere']);
  });

  test('is answered with the reason when the lock cannot be tried for until the deadline', async () => {
    const { queue, request, locks, redis, clock } = setUp();
    redis.holders.set(request('held').key.hex, 'elsewhere');
    const held = queue.save(request('held')).catch((error: unknown) => error);
    await settle();
    for (let i = 0; i < 400; i++) {
      locks.faults.push({ kind: 'unavailable', failure: 'store-unavailable', detail: 'connection' });
    }
    await clock.advance(DEADLINE_MS + 500);
    expect(await held).toMatchObject({ code: 'store-unavailable' });
  });
});
