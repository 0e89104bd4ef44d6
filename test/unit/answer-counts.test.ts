// What is counted is what was answered, whatever joins what.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { holdCommits, setUp } from '../support/save-queue.ts';
import { settle } from '../support/virtual-clock.ts';

// Tokens that a client repeats; one that is left out here is made for each request.
const identity = fc.constantFrom(
  { key: 'key-1' },
  { key: 'key-2' },
  { token: 'batch-1', kind: 'batch' } as const,
  { token: 'batch-2', kind: 'batch' } as const,
  {},
  {},
);
const requests = fc.array(fc.record({ text: fc.constantFrom('a', 'b'), identity }), { maxLength: 8 });
// Those that come before a commit is sent, and those that come while it is on its way.
const waves = fc.array(fc.record({ early: requests, late: requests }), { minLength: 1, maxLength: 4 });

describe('every answer is counted once', () => {
  test('in the commit that decided it or behind it', async () => {
    await fc.assert(
      fc.asyncProperty(waves, async (steps) => {
        const { queue, request, redis, store, late } = setUp();
        const answered = { saved: 0, duplicates: 0, replayed: 0 };
        for (const step of steps) {
          const open = holdCommits(store);
          const before = step.early.map((one) => queue.save(request(one.text, one.identity)));
          await settle();
          const behind = step.late.map((one) => queue.save(request(one.text, one.identity)));
          open();
          for (const { kind } of await Promise.all([...before, ...behind])) {
            if (kind === 'saved' || kind === 'replayed') answered[kind]++;
            if (kind === 'duplicate') answered.duplicates++;
          }
        }
        expect({
          saved: redis.counts.saved,
          duplicates: redis.counts.duplicates + late.duplicates,
          replayed: redis.counts.replayed + late.replayed,
        }).toEqual(answered);
      }),
      { numRuns: 100 },
    );
  });

  test('and those for whom the command has no room too', async () => {
    const { queue, request, redis, store, late } = setUp({ maxPendingSaves: 300 });
    const open = holdCommits(store);
    const first = queue.save(request('other'));
    const many = Array.from({ length: 200 }, (_, i) => queue.save(request('same', { token: `${i}`, kind: 'batch' })));
    open();
    await Promise.all([first, ...many]);
    expect(redis.counts.duplicates + late.duplicates).toBe(199);
    expect(late.duplicates).toBeGreaterThan(0);
  });
});
