// The save path over a store in memory: unknown results, deadlines, commits that throw.
import { describe, expect, test } from 'vitest';
import { DEADLINE_MS, holdCommits, setUp, UNREPLICATED } from '../support/save-queue.ts';
import { settle } from '../support/virtual-clock.ts';

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

  test('of many is one retry of all, and not one of each', async () => {
    let n = 0;
    const { queue, request, store, clock } = setUp({ random: () => (n++ % 50) / 50 });
    for (let i = 0; i < 1_000; i++) store.faults.push({ when: 'before', result: UNREPLICATED });
    const saves = Promise.all(Array.from({ length: 50 }, (_, i) => queue.save(request(`content ${i}`))));
    await clock.advance(1_000);
    // By itself each of them would have come back some fifteen times.
    expect(store.commits.length).toBeLessThan(50);
    store.faults.length = 0;
    await clock.advance(200);
    expect((await saves).every(({ kind }) => kind === 'saved')).toBe(true);
  });

  test('that takes long holds nobody behind it longer than their own deadline', async () => {
    const { queue, request, store, clock } = setUp();
    const open = holdCommits(store);
    const slow = queue.save(request('slow'));
    await settle();
    const behind = queue.save(request('behind', { deadlineMs: 1_000 })).catch((error: unknown) => error);
    const patient = queue.save(request('patient'));
    await clock.advance(2_000);
    open();
    expect(await slow).toMatchObject({ kind: 'saved' });
    expect(await behind).toMatchObject({ code: 'store-unavailable' });
    expect(await patient).toMatchObject({ kind: 'saved' });
    expect(store.commits.flat().map(({ content }) => content.text)).toEqual(['slow', 'patient']);
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

  test('of a full store is final, and does not deny what may have been saved', async () => {
    const { queue, request, store, clock } = setUp();
    const full = { when: 'before', result: { kind: 'confirmed', verdicts: [{ kind: 'full' }] } } as const;
    store.faults.push(full);
    await expect(queue.save(request('a'))).rejects.toMatchObject({ code: 'storage-full' });
    store.faults.push({ when: 'after', result: UNREPLICATED }, full);
    const maybe = queue.save(request('b')).catch((error: unknown) => error);
    await clock.advance(200);
    expect(await maybe).toMatchObject({ code: 'not-replicated' });
  });

  test.each(['key', 'batch'] as const)('does not turn the replay of a %s into a new save', async (kind) => {
    const { queue, request, store, clock } = setUp();
    await queue.save(request('keyed', { token: 'k', kind }));
    store.faults.push({ when: 'before', result: UNREPLICATED });
    const again = queue.save(request('keyed', { token: 'k', kind }));
    await clock.advance(200);
    expect(await again).toMatchObject({ kind: 'replayed' });
  });

  test('that is a bug of ours fails the requests instead of leaving them hanging', async () => {
    const { queue, request, store } = setUp();
    store.faults.push({ when: 'before', result: { kind: 'confirmed', verdicts: [] } });
    await expect(queue.save(request('a'))).rejects.toThrow('fewer verdicts');
    expect(await queue.save(request('a'))).toMatchObject({ kind: 'saved' });
  });
});

/** One verdict for two contents: the first is settled, and the commit throws for the second. */
async function throwAfterOneMovedOn() {
  const world = setUp();
  const { queue, request, store, redis, clock } = world;
  redis.holders.set(request('moved').key.hex, 'elsewhere');
  store.faults.push({
    when: 'before',
    result: { kind: 'confirmed', verdicts: [{ kind: 'fenced', holder: 'elsewhere' }] },
  });
  const throwNow = holdCommits(store);
  const results = Promise.allSettled([queue.save(request('moved')), queue.save(request('thrown'))]);
  await settle();
  return { ...world, clock, results, throwNow };
}

describe('a commit that throws', () => {
  test('fails its own requests and not those that left its batch', async () => {
    const { request, redis, results, throwNow, clock } = await throwAfterOneMovedOn();
    throwNow();
    redis.holders.delete(request('moved').key.hex);
    await clock.advance(200);
    expect(await results).toMatchObject([
      { value: { kind: 'saved' } },
      { reason: { message: 'the store answered fewer verdicts than it was asked for' } },
    ]);
  });

  test('keeps no lock, whenever that is granted', async () => {
    const { queue, request, store, locks, redis } = setUp();
    store.commit = () => Promise.reject(new Error('a bug'));
    await expect(queue.save(request('a'))).rejects.toThrow('a bug');
    const ask = locks.ask.bind(locks);
    locks.ask = (keys) => {
      const { token, answer } = ask(keys);
      return { token, answer: settle().then(() => answer) };
    };
    await expect(queue.save(request('b'))).rejects.toThrow('a bug');
    expect(redis.holders.size).toBe(0);
  });

  test('leaves a save that moved on where others can join it', async () => {
    const { queue, request, redis, results, throwNow, clock, seen } = await throwAfterOneMovedOn();
    throwNow();
    await settle();
    const joining = queue.save(request('moved'));
    expect(seen.joined).toBe(1);
    redis.holders.delete(request('moved').key.hex);
    await clock.advance(200);
    expect(await results).toMatchObject([{ value: { kind: 'saved' } }, { status: 'rejected' }]);
    expect(await joining).toMatchObject({ kind: 'duplicate' });
  });
});

test('contents of one batch that end in different rounds share their lock until the last of them is done', async () => {
  const { queue, request, store, locks, clock, redis } = setUp();
  // Unknown for all three together, and again in the next round, when the deadline of b is over.
  for (let i = 0; i < 2; i++) store.faults.push({ when: 'before', result: UNREPLICATED });
  const together = [queue.save(request('a')), queue.save(request('b', { deadlineMs: 50 })), queue.save(request('c'))];
  const results = Promise.allSettled(together);
  await clock.advance(70);
  expect(locks.released).toEqual([]);
  expect(redis.holders.size).toBe(3);
  await clock.advance(100);
  expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(locks.released.map(({ keys }) => keys.length)).toEqual([3]);
  expect(redis.holders.size).toBe(0);
});
