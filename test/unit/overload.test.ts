// More saves than can be committed in time: who comes last is refused at once, and never without need.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ServiceFailure } from '../../src/items/errors.ts';
import { DEADLINE_MS, holdCommits, setUp, UNREPLICATED } from '../support/save-queue.ts';
import { settle } from '../support/virtual-clock.ts';

type World = ReturnType<typeof setUp>;

/** Lets one commit take that long, and returns whether a save of its own was taken. */
async function commitIn({ queue, request, store, clock }: World, ms: number, text: string): Promise<string> {
  const open = holdCommits(store);
  const saved = queue.save(request(text)).then(
    ({ kind }) => kind,
    (error: ServiceFailure) => error.code,
  );
  await settle();
  await clock.advance(ms);
  open();
  await settle();
  return saved;
}

/** Has so many saves wait behind a commit; what is thrown is told as its code. */
function pile({ queue, request }: World, count: number, bytes = 10, deadlineMs = DEADLINE_MS): Promise<string>[] {
  return Array.from({ length: count }, (_, i) =>
    queue.save(request(`${i} `.padEnd(bytes, 'x'), { deadlineMs })).then(
      ({ kind }) => kind,
      (error: ServiceFailure) => error.code,
    ),
  );
}

test.each([
  ['items', 10, 500],
  ['bytes', 60_000, 17.5],
])(
  'behind more full batches, by their %s, than commits until the deadline, a save is refused at once',
  async (_, bytes, perBatch) => {
    const world = setUp({ maxPendingSaves: 20_000 });
    expect(await commitIn(world, 900, 'sets the pace')).toBe('saved');
    const open = holdCommits(world.store);
    const first = world.queue.save(world.request('first'));
    await settle();
    const saves = pile(world, Math.ceil(20 * perBatch), bytes);
    await settle();
    // 13 batches of 900 ms are 11.7 s, 14 are 12.6 s; the deadline is 12 s.
    expect(world.queue.pending).toBeGreaterThan(13 * perBatch);
    expect(world.queue.pending).toBeLessThan(15 * perBatch);
    open();
    await first;
    const outcomes = await Promise.all(saves);
    expect(new Set(outcomes)).toEqual(new Set(['saved', 'overloaded']));
    // Whoever came first was taken.
    expect(outcomes.lastIndexOf('saved')).toBeLessThan(outcomes.indexOf('overloaded'));
    expect(await world.queue.save(world.request('afterwards'))).toMatchObject({ kind: 'saved' });
  },
);

test('who joins a save that waits is not refused', async () => {
  const world = setUp({ maxPendingSaves: 20_000 });
  await commitIn(world, 900, 'sets the pace');
  const open = holdCommits(world.store);
  const first = world.queue.save(world.request('first'));
  await settle();
  const saves = pile(world, 10_000);
  await expect(world.queue.save(world.request('another'))).rejects.toMatchObject({ code: 'overloaded' });
  const joining = world.queue.save(world.request('0 '.padEnd(10, 'x')));
  open();
  await first;
  expect(await joining).toMatchObject({ kind: 'duplicate' });
  await Promise.all(saves);
});

test('commits that fail do not set the pace: behind a failover all is saved', async () => {
  const world = setUp({ maxPendingSaves: 20_000 });
  await commitIn(world, 5, 'sets the pace');
  world.store.faults.push({ when: 'before', result: UNREPLICATED });
  const goOn = holdCommits(world.store);
  const failing = world.queue.save(world.request('fails once'));
  await settle();
  await world.clock.advance(5_000);
  goOn();
  await world.clock.advance(200);
  expect(await failing).toMatchObject({ kind: 'saved' });
  const open = holdCommits(world.store);
  const saves = pile(world, 10_000);
  await settle();
  open();
  expect(new Set(await Promise.all(saves))).toEqual(new Set(['saved']));
});

test('with less than a full batch waiting nobody is refused, however slow the store was', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 100, max: DEADLINE_MS - 1 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 499 }),
      async (paces, waiting) => {
        const world = setUp({ maxPendingSaves: 20_000 });
        for (const [i, ms] of paces.entries()) await commitIn(world, ms, `pace ${i}`);
        const open = holdCommits(world.store);
        const first = world.queue.save(world.request('first'));
        await settle();
        // With less time than any of those commits took.
        const saves = pile(world, waiting, 10, 50);
        open();
        await first;
        expect(await Promise.all(saves)).not.toContain('overloaded');
        expect(await commitIn(world, 0, 'idle')).toBe('saved');
      },
    ),
    { numRuns: 30 },
  );
});
