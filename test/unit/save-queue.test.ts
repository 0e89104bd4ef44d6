// The save path over a store in memory: batching, joining, retries, locks, deadlines.
import { describe, expect, test } from 'vitest';
import { contentKey } from '../../src/items/content.ts';
import type { SaveRequest } from '../../src/items/pending-save.ts';
import type { CommitResult } from '../../src/items/ports.ts';
import { SaveQueue } from '../../src/items/save-queue.ts';
import { FakeLocks, FakeRedis, FakeStore } from '../support/fake-store.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

const UNREPLICATED: CommitResult = { kind: 'unknown', failure: 'not-replicated', detail: 'short_wait' };
const LOCK_WAIT_MS = 2_000;
const LOCK_BREAK_MS = 1_500;
const DEADLINE_MS = 12_000;

function setUp({ maxPendingSaves = 100, redis = new FakeRedis(), validForMs = 10_000 } = {}) {
  const clock = new VirtualClock();
  const store = new FakeStore(redis);
  const locks = new FakeLocks(redis, () => clock.nowMs(), 'me', validForMs);
  const seen = { joined: 0, lockLost: 0, batches: [] as number[] };
  const queue = new SaveQueue(
    {
      store,
      locks,
      clock,
      random: () => 0.5,
      observer: {
        joined: () => seen.joined++,
        lockLost: () => seen.lockLost++,
        committed: (size) => seen.batches.push(size),
      },
    },
    { maxPendingSaves, lockWaitMs: LOCK_WAIT_MS, lockBreakMs: LOCK_BREAK_MS, lockMarginMs: 1_500 },
  );
  let tokens = 0;
  const request = (text: string, options: { token?: string; key?: string; deadlineMs?: number } = {}): SaveRequest => {
    const content = { kind: 'string', text } as const;
    return {
      key: contentKey(content),
      content,
      source: 'anonymous',
      token: options.key ?? options.token ?? `random-${tokens++}`,
      tokenIsIdempotencyKey: options.key !== undefined,
      deadlineMs: clock.nowMs() + (options.deadlineMs ?? DEADLINE_MS),
    };
  };
  return { clock, store, locks, redis, queue, request, seen };
}

/** Closes the store's gate and returns the function that opens it. */
function holdCommits(store: FakeStore): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  store.gate = promise;
  return () => {
    store.gate = null;
    resolve();
  };
}

describe('group commit', () => {
  test('a save that finds nothing in flight leaves at once and alone', async () => {
    const { queue, request, seen } = setUp();
    expect(await queue.save(request('a'))).toMatchObject({ kind: 'saved', item: { content: 'a' } });
    expect(seen.batches).toEqual([1]);
  });

  test('saves that come while a commit is in flight leave together when it returns', async () => {
    const { queue, request, store, seen } = setUp();
    const open = holdCommits(store);
    const saves = ['a', 'b', 'c', 'd'].map((text) => queue.save(request(text)));
    await settle();
    expect(store.commits).toHaveLength(1);
    open();
    expect((await Promise.all(saves)).map((outcome) => outcome.kind)).toEqual(['saved', 'saved', 'saved', 'saved']);
    expect(seen.batches).toEqual([1, 3]);
  });

  test('a batch is bounded in items and in bytes', async () => {
    const { queue, request, store, seen } = setUp({ maxPendingSaves: 2_000 });
    const open = holdCommits(store);
    const small = Array.from({ length: 700 }, (_, i) => queue.save(request(`small ${i}`)));
    const big = Array.from({ length: 40 }, (_, i) => queue.save(request(String(i).padEnd(60_000, 'x'))));
    open();
    await Promise.all([...small, ...big]);
    expect(Math.max(...seen.batches)).toBe(500);
    for (const commands of store.commits) {
      const bytes = commands.reduce((sum, { content }) => sum + content.text.length, 0);
      expect(bytes).toBeLessThanOrEqual(1_048_576);
    }
  });

  test('one save more than may wait is refused as overloaded, and room comes back', async () => {
    const { queue, request, store } = setUp({ maxPendingSaves: 2 });
    const open = holdCommits(store);
    const accepted = [queue.save(request('a')), queue.save(request('b'))];
    await expect(queue.save(request('c'))).rejects.toMatchObject({ code: 'overloaded' });
    expect(queue.pending).toBe(2);
    open();
    await Promise.all(accepted);
    expect(queue.pending).toBe(0);
    expect(await queue.save(request('c'))).toMatchObject({ kind: 'saved' });
  });
});

describe('the same content', () => {
  test('joins the save in flight: one is saved, the others are duplicates of it', async () => {
    const { queue, request, store, seen } = setUp();
    const open = holdCommits(store);
    const saves = Array.from({ length: 5 }, () => queue.save(request('same')));
    open();
    const outcomes = await Promise.all(saves);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['saved', 'duplicate', 'duplicate', 'duplicate', 'duplicate']);
    expect(new Set(outcomes.map((outcome) => ('item' in outcome ? outcome.item.id : null))).size).toBe(1);
    expect(store.commits).toHaveLength(1);
    expect(seen.joined).toBe(4);
  });

  test('under the same request token is a replay', async () => {
    const { queue, request } = setUp();
    const [first, retry] = await Promise.all([
      queue.save(request('same', { token: 'attempt' })),
      queue.save(request('same', { token: 'attempt' })),
    ]);
    expect([first.kind, retry.kind]).toEqual(['saved', 'replayed']);
    expect(await queue.save(request('same', { token: 'attempt' }))).toMatchObject({ kind: 'replayed' });
    expect(await queue.save(request('same'))).toMatchObject({ kind: 'duplicate' });
  });

  test('is a replay for the creator even when it joins somebody else’s duplicate', async () => {
    const { queue, request, store } = setUp();
    await queue.save(request('same', { token: 'creator' }));
    const open = holdCommits(store);
    const outcomes = [queue.save(request('same')), queue.save(request('same', { token: 'creator' }))];
    open();
    expect((await Promise.all(outcomes)).map(({ kind }) => kind)).toEqual(['duplicate', 'replayed']);
  });

  test('under many idempotency keys at once takes one commit, and the store remembers every key', async () => {
    const { queue, request, store } = setUp();
    const open = holdCommits(store);
    const first = queue.save(request('first'));
    const keyed = Array.from({ length: 5 }, (_, i) => queue.save(request('same', { key: `k${i}` })));
    const keyless = queue.save(request('same'));
    open();
    await first;
    expect((await Promise.all(keyed)).map(({ kind }) => kind)).toEqual(['saved', ...Array(4).fill('duplicate')]);
    expect(await keyless).toMatchObject({ kind: 'duplicate' });
    expect(store.commits).toHaveLength(2);
    for (let i = 0; i < 5; i++) {
      expect(await queue.save(request('other', { key: `k${i}` }))).toEqual({ kind: 'key_reused' });
    }
  });

  test('with a key that came after the commit was sent is decided by the next one, under the same lock', async () => {
    const { queue, request, store } = setUp();
    const open = holdCommits(store);
    const saves = [queue.save(request('same'))];
    await settle();
    saves.push(queue.save(request('same', { key: 'late' })), queue.save(request('same')));
    open();
    expect((await Promise.all(saves)).map(({ kind }) => kind)).toEqual(['saved', 'duplicate', 'duplicate']);
    const [sent, again] = store.commits.map(([command]) => command);
    expect(again?.lockToken).toBe(sent?.lockToken);
    expect(await queue.save(request('other', { key: 'late' }))).toEqual({ kind: 'key_reused' });
  });

  test('with a reused key is refused for that key alone: the others save it', async () => {
    const { queue, request, store } = setUp();
    await queue.save(request('before', { key: 'used' }));
    const open = holdCommits(store);
    const first = queue.save(request('first'));
    const saves = [
      queue.save(request('same', { key: 'used' })),
      queue.save(request('same')),
      queue.save(request('same', { key: 'fresh' })),
    ];
    open();
    await first;
    expect((await Promise.all(saves)).map(({ kind }) => kind)).toEqual(['key_reused', 'saved', 'duplicate']);
  });

  test('joined by a request without a key while a reused one is decided is sent again for it', async () => {
    const { queue, request, store } = setUp();
    await queue.save(request('before', { key: 'used' }));
    const open = holdCommits(store);
    const refused = queue.save(request('same', { key: 'used' }));
    await settle();
    const late = queue.save(request('same'));
    open();
    expect(await refused).toEqual({ kind: 'key_reused' });
    expect(await late).toMatchObject({ kind: 'saved' });
  });

  test('with more keys than one commit takes is decided in several', async () => {
    const { queue, request, store } = setUp({ maxPendingSaves: 1_000 });
    const open = holdCommits(store);
    const first = queue.save(request('first'));
    const keyed = Array.from({ length: 150 }, (_, i) => queue.save(request('same', { key: `k${i}` })));
    open();
    await first;
    const kinds = (await Promise.all(keyed)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'saved')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'duplicate')).toHaveLength(149);
    expect(store.commits).toHaveLength(1 + 3);
  });
});

describe('an unknown result', () => {
  test('is retried with the same token under the same lock, and the creator is told that it saved', async () => {
    const { queue, request, store, clock } = setUp();
    store.faults.push({ when: 'after', result: UNREPLICATED });
    const save = queue.save(request('a'));
    await clock.advance(200);
    expect(await save).toMatchObject({ kind: 'saved' });
    const [first, second] = store.commits.map(([command]) => command);
    expect(second).toEqual(first);
  });

  test('is answered with its reason when the deadline passes, and the lock is given back', async () => {
    const { queue, request, store, locks, clock, redis } = setUp();
    for (let i = 0; i < 400; i++) store.faults.push({ when: 'before', result: UNREPLICATED });
    const save = queue.save(request('a')).catch((error: unknown) => error);
    await clock.advance(DEADLINE_MS + 500);
    expect(await save).toMatchObject({ code: 'not-replicated' });
    expect(queue.pending).toBe(0);
    expect(redis.holders.size).toBe(0);
    expect(locks.released.length).toBeGreaterThan(0);
  });

  test('keeps the save going for those whose deadline is later', async () => {
    const { queue, request, store, clock } = setUp();
    for (let i = 0; i < 6; i++) store.faults.push({ when: 'before', result: UNREPLICATED });
    const early = queue.save(request('a', { deadlineMs: 100 })).catch((error: unknown) => error);
    const late = queue.save(request('a'));
    await clock.advance(2_000);
    expect(await early).toMatchObject({ code: 'not-replicated' });
    // Nothing had happened yet, so it is the one who is left that saves it.
    expect(await late).toMatchObject({ kind: 'saved' });
  });

  test('takes a new lock when the old one has too little time left', async () => {
    const { queue, request, store, clock } = setUp({ validForMs: 1_600 });
    for (let i = 0; i < 4; i++) store.faults.push({ when: 'after', result: UNREPLICATED });
    const save = queue.save(request('a'));
    await clock.advance(1_000);
    expect(await save).toMatchObject({ kind: 'saved' });
    expect(new Set(store.commits.map(([command]) => command?.lockToken)).size).toBeGreaterThan(1);
  });

  test('of a full store is final', async () => {
    const { queue, request, store } = setUp();
    store.faults.push({ when: 'before', result: { kind: 'refused', failure: 'storage-full', detail: 'oom' } });
    await expect(queue.save(request('a'))).rejects.toMatchObject({ code: 'storage-full' });
  });

  test('that is a bug of ours fails the requests instead of leaving them hanging', async () => {
    const { queue, request, store } = setUp();
    store.faults.push({ when: 'before', result: { kind: 'confirmed', verdicts: [] } });
    await expect(queue.save(request('a'))).rejects.toThrow('fewer verdicts');
    expect(await queue.save(request('a'))).toMatchObject({ kind: 'saved' });
  });
});

describe('a content that is locked elsewhere', () => {
  test('holds nobody else up and is decided when the lock is free', async () => {
    const { queue, request, redis, clock } = setUp();
    const { key } = request('held');
    redis.holders.set(key.hex, 'elsewhere');
    const held = queue.save(request('held'));
    const others = await Promise.all([queue.save(request('b')), queue.save(request('c'))]);
    expect(others.map(({ kind }) => kind)).toEqual(['saved', 'saved']);
    redis.saved.set(key.hex, { position: { ms: 1, seq: 1, partition: 1 }, source: 'x', token: 'y' });
    redis.holders.delete(key.hex);
    await clock.advance(200);
    expect(await held).toMatchObject({ kind: 'duplicate', item: { id: '1-1-1' } });
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

  test('is not confused with a lock service that cannot be reached', async () => {
    const { queue, request, locks, clock } = setUp();
    locks.faults.push({ kind: 'unavailable', failure: 'store-unavailable', detail: 'connection' });
    const save = queue.save(request('a'));
    await clock.advance(200);
    expect(await save).toMatchObject({ kind: 'saved' });
    for (let i = 0; i < 400; i++) {
      locks.faults.push({ kind: 'unavailable', failure: 'store-unavailable', detail: 'connection' });
    }
    const lost = queue.save(request('b')).catch((error: unknown) => error);
    await clock.advance(DEADLINE_MS + 500);
    expect(await lost).toMatchObject({ code: 'store-unavailable' });
  });
});

test('closing refuses new saves and waits for the accepted ones', async () => {
  const { queue, request, store } = setUp();
  const open = holdCommits(store);
  const accepted = queue.save(request('a'));
  let closed = false;
  const closing = queue.close().then(() => (closed = true));
  await expect(queue.save(request('b'))).rejects.toMatchObject({ code: 'draining' });
  expect(closed).toBe(false);
  open();
  expect(await accepted).toMatchObject({ kind: 'saved' });
  await closing;
});

test('contents of one batch that end in different rounds share their lock until the last of them is done', async () => {
  const { queue, request, store, locks, clock, redis } = setUp();
  const open = holdCommits(store);
  const first = queue.save(request('first'));
  const together = [queue.save(request('a')), queue.save(request('b', { deadlineMs: 50 })), queue.save(request('c'))];
  const results = Promise.allSettled(together);
  open();
  await first;
  // Unknown for all three together, and again in their next rounds, when the deadline of b is over.
  for (let i = 0; i < 3; i++) store.faults.push({ when: 'before', result: UNREPLICATED });
  await clock.advance(70);
  expect(locks.released.map(({ keys }) => keys.length)).toEqual([1]);
  expect(redis.holders.size).toBe(3);
  await clock.advance(100);
  expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(locks.released.map(({ keys }) => keys.length)).toEqual([1, 3]);
  expect(redis.holders.size).toBe(0);
});
