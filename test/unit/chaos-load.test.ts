// The load tells apart what was saved, what was refused and what nobody can know, and its numbers add up.
import { describe, expect, test } from 'vitest';
import { check } from '../../chaos/checker.ts';
import { Journal } from '../../chaos/journal.ts';
import { type Load, startLoad } from '../../chaos/load.ts';
import { planLoad } from '../../chaos/load-plan.ts';
import { LoadCounters } from '../../chaos/load-stats.ts';
import { FallibleService, type Mood } from '../support/fallible-service.ts';

const EVENTUALLY = { timeout: 15_000, interval: 20 };
const FAULTS: readonly Mood[] = ['refuse', 'in-progress', 'bad-gateway', 'hang', 'cut', 'garbage'];
// Long enough for an answer of this very process on a busy machine.
const rate = { clients: 4, requestsPerSecond: 500, timeoutMs: 2_000 };

async function sends(load: Load, count: number): Promise<void> {
  await expect.poll(() => load.stats().sent, EVENTUALLY).toBeGreaterThanOrEqual(count);
}

/** The statuses of the answers to each key whose outcome was unknown at least once. */
function answersAfterUnknown(journal: Journal): string[] {
  const unknown = new Set<string>();
  return [...journal].flatMap(({ outcome, idempotencyKey }) => {
    if (idempotencyKey === null) return [];
    if (outcome.kind === 'unknown') unknown.add(idempotencyKey);
    return unknown.has(idempotencyKey) ? [outcome.kind] : [];
  });
}

test('a service with faults is found right, and each outcome is noted as what it is', { timeout: 40_000 }, async () => {
  await using service = await FallibleService.start((n) => (n % 5 === 0 ? FAULTS[(n / 5) % FAULTS.length]! : 'answer'));
  const journal = new Journal();
  const load = startLoad({ ...rate, urls: [service.url, service.url], seed: 1, journal });
  await sends(load, 400);
  // Retried with its key until it was answered.
  await expect.poll(() => answersAfterUnknown(journal), EVENTUALLY).toContain('saved');
  await load.stop();
  const items = [...service.stored].map(([content, { id }]) => ({ id, content }));
  const { clean, totals } = check({ attempts: journal, copies: [], listing: { items } });
  expect(clean).toBe(true);
  expect(Object.keys(totals.refused).toSorted()).toEqual(['409 save-in-progress', '503 not-replicated']);
  expect(Object.keys(totals.unknown).toSorted()).toEqual([
    '201 with a body that is not JSON',
    '502',
    'ECONNRESET',
    'timeout',
  ]);
  const { saved, duplicates, refused, unknown, sent, inFlight } = load.stats();
  expect({ saved, duplicates, refused, unknown, sent, inFlight }).toEqual({
    saved: totals.saved + totals.replayed,
    duplicates: totals.duplicates,
    refused: totals.refused,
    unknown: Object.values(totals.unknown).reduce((a, b) => a + b, 0),
    sent: totals.attempts,
    inFlight: 0,
  });
  expect([...journal].filter(({ answeredAtMs }) => answeredAtMs === null)).toEqual([]);
});

test('a run sends what its seed plans, in that order', async () => {
  await using service = await FallibleService.start(() => 'answer');
  const journal = new Journal();
  const load = startLoad({ ...rate, urls: [service.url], seed: 5, journal });
  await sends(load, 300);
  await load.stop();
  const planned = planLoad(5, rate.clients).take(journal.length).toArray().flat().slice(0, journal.length);
  const seen = [...journal].map(({ client, content, idempotencyKey }) => ({ client, content, idempotencyKey }));
  expect(seen).toEqual(planned.map(({ client, content, idempotencyKey }) => ({ client, content, idempotencyKey })));
});

test(
  'a service that hangs gets no more than so many requests, and each of them times out',
  { timeout: 20_000 },
  async () => {
    await using service = await FallibleService.start(() => 'hang');
    const journal = new Journal();
    const load = startLoad({
      ...rate,
      urls: [service.url],
      seed: 6,
      journal,
      maxInFlight: 50,
      maxRetries: 0,
      timeoutMs: 300,
    });
    await sends(load, 50);
    // A step that was begun is sent whole.
    expect(load.stats().inFlight).toBeLessThan(60);
    await load.stop();
    const { unknown, sent, lastSavedAtMs, latencyMs } = load.stats();
    expect({ unknown, lastSavedAtMs, latencyMs }).toEqual({ unknown: sent, lastSavedAtMs: null, latencyMs: null });
  },
);

describe('the counters', () => {
  const saved = { kind: 'saved', id: '1-0-0', replayed: false } as const;

  test('measure the longest time without a 201, the present one included, while the load runs', () => {
    const counters = new LoadCounters(1_000);
    expect(counters.read(1_300).longestGapMs).toBe(300);
    counters.note(saved, 1_390, 1_400);
    counters.note({ kind: 'duplicate', id: '1-0-0' }, 1_400, 1_450);
    expect(counters.read(1_500).longestGapMs).toBe(400);
    expect(counters.read(2_000).longestGapMs).toBe(600);
    counters.restartGap(2_000);
    counters.note(saved, 2_000, 2_050);
    counters.stopped(2_200);
    expect(counters.read(9_000)).toMatchObject({ longestGapMs: 150, lastSavedAtMs: 2_050, saved: 2, duplicates: 1 });
  });

  test('measure latencies to 1 %', () => {
    const counters = new LoadCounters(0);
    for (let ms = 1; ms <= 1_000; ms++) counters.note(saved, 0, ms);
    const { p50, p99, max } = counters.read(2_000).latencyMs!;
    expect(max).toBe(1_000);
    expect(p50 / 500).toBeCloseTo(1, 1);
    expect(p99 / 990).toBeCloseTo(1, 1);
  });
});
