// The save path over a store in memory: batching and joining.
import { describe, expect, test, vi } from 'vitest';
import type { SaveOutcome } from '../../src/items/pending-save.ts';
import { holdCommits, setUp } from '../support/save-queue.ts';
import { settle } from '../support/virtual-clock.ts';

/** A waiter that keeps what it is told. */
function record() {
  const told: unknown[] = [];
  return {
    told,
    resolve: (outcome: SaveOutcome) => told.push(outcome.kind),
    reject: (error: Error) => told.push(error),
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
    const saves = [queue.save(request('a'))];
    await settle();
    saves.push(...['b', 'c', 'd'].map((text) => queue.save(request(text))));
    await settle();
    expect(store.commits).toHaveLength(1);
    open();
    expect((await Promise.all(saves)).map((outcome) => outcome.kind)).toEqual(['saved', 'saved', 'saved', 'saved']);
    expect(seen.batches).toEqual([1, 3]);
  });

  test('saves that arrive together leave together', async () => {
    const { queue, request, seen } = setUp();
    await Promise.all(['a', 'b', 'c'].map((text) => queue.save(request(text))));
    expect(seen.batches).toEqual([3]);
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

describe('a waiter', () => {
  test('is told once, behind the commit, and may save the same content again while it is told', async () => {
    const { queue, request, seen } = setUp();
    const [first, again] = [record(), record()];
    queue.submit(request('a'), {
      reject: first.reject,
      resolve(outcome) {
        first.resolve(outcome);
        queue.submit(request('a'), again);
      },
    });
    expect(first.told).toEqual([]);
    await vi.waitFor(() => expect(again.told).toEqual(['duplicate']), { timeout: 20_000 });
    expect(first.told).toEqual(['saved']);
    expect([queue.pending, seen.batches]).toEqual([0, [1, 1]]);
  });

  test('of a save that is not taken is not told: the call throws', () => {
    const { queue, request } = setUp({ maxPendingSaves: 0 });
    const waiter = record();
    expect(() => queue.submit(request('a'), waiter)).toThrow(expect.objectContaining({ code: 'overloaded' }));
    expect([waiter.told, queue.pending]).toEqual([[], 0]);
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

  test('under the token of a batch is a replay, and leaves no record that another batch could stumble over', async () => {
    const { queue, request, redis } = setUp();
    const item = { token: 'batch-1', kind: 'batch' } as const;
    expect(await queue.save(request('same', item))).toMatchObject({ kind: 'saved' });
    expect(await queue.save(request('same', item))).toMatchObject({ kind: 'replayed' });
    expect(await queue.save(request('other', item))).toMatchObject({ kind: 'saved' });
    expect(redis.keyUses.size).toBe(0);
  });

  test('under many idempotency keys at once takes one commit, and the store remembers every key', async () => {
    const { queue, request, store } = setUp();
    const keyed = Array.from({ length: 5 }, (_, i) => queue.save(request('same', { key: `k${i}` })));
    const keyless = queue.save(request('same'));
    expect((await Promise.all(keyed)).map(({ kind }) => kind)).toEqual(['saved', ...Array(4).fill('duplicate')]);
    expect(await keyless).toMatchObject({ kind: 'duplicate' });
    expect(store.commits).toHaveLength(1);
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
    const keyed = Array.from({ length: 150 }, (_, i) => queue.save(request('same', { key: `k${i}` })));
    const kinds = (await Promise.all(keyed)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'saved')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'duplicate')).toHaveLength(149);
    expect(store.commits).toHaveLength(3);
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
