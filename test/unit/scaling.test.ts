// docs/scaling.md: what its simulations rest on, and that it is what they and the reports say.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { balanceOf, itemsUntilOver, loadsOf, partitionBias, randomFrom } from '../../bench/scaling/balance.ts';
import { type Outage, simulateOutage } from '../../bench/scaling/failover.ts';
import { renderScaling, scalingPlots } from '../../bench/scaling/page.ts';
import { contentKey } from '../../src/items/content.ts';
import { placeOf } from '../../src/redis/keys.ts';

// A second or two on a machine with nothing else to do, and many more where other tests run beside it.
const LONG = { timeout: 60_000 };

describe('balance', LONG, () => {
  const space = { prefix: '', partitions: 16, buckets: 2_048 };
  const places = space.partitions * space.buckets;
  const items = 100_000;

  test('real digests spread over the places as random numbers do', () => {
    const loads = new Float64Array(places);
    const partitions = new Float64Array(space.partitions);
    for (let i = 0; i < items; i++) {
      const { partition, bucket } = placeOf(space, contentKey({ kind: 'string', text: `item ${i}` }));
      const at = partition * space.buckets + bucket;
      loads[at] = (loads[at] ?? 0) + 1;
      partitions[partition] = (partitions[partition] ?? 0) + 1;
    }
    // The variance of a count is its mean: 5 parts in a hundred are nine times what that varies by with so many places.
    const [real, simulated] = [loads, loadsOf(items, places, randomFrom(1))].map(spreadOver);
    for (const spread of [real, simulated]) expect(Math.abs((spread ?? 0) - 1)).toBeLessThan(0.05);
    const { smallest, largest } = balanceOf(items, space.partitions, 100);
    expect(Math.min(...partitions)).toBeGreaterThan(smallest * 0.99);
    expect(Math.max(...partitions)).toBeLessThan(largest * 1.01);
  });

  /** Variance over mean, which is 1 where each item chooses its place by chance. */
  function spreadOver(loads: Float64Array): number {
    const mean = items / places;
    return loads.reduce((sum, load) => sum + (load - mean) ** 2, 0) / places / mean;
  }

  test('the short way for many items draws what the long way counts', () => {
    const random = randomFrom(7);
    const short = loadsOf(100 * places, places, random);
    const mean = short.reduce((sum, load) => sum + load, 0) / places;
    const variance = short.reduce((sum, load) => sum + (load - mean) ** 2, 0) / places;
    expect(Math.abs(mean - 100)).toBeLessThan(0.5);
    expect(Math.abs(variance - 100)).toBeLessThan(5);
    // The largest of so many: 100 items in each by the long way.
    const long = new Float64Array(places);
    for (let i = 0; i < 100 * places; i++) {
      const place = Math.floor(random() * places);
      long[place] = (long[place] ?? 0) + 1;
    }
    expect(Math.abs(Math.max(...short) - Math.max(...long))).toBeLessThan(12);
  });

  test('some bucket is over the limit long before the average is, and not before it can be', () => {
    expect(itemsUntilOver(3, 1)).toBe(4);
    const first = itemsUntilOver(512, places);
    expect(first).toBeLessThan(512 * places);
    expect(first).toBeGreaterThan(0.75 * 512 * places);
  });

  test('a number of partitions that 65,536 can be divided by has no bias, any other at most half of a percent', () => {
    expect(partitionBias(16)).toBe(0);
    expect(partitionBias(3)).toBeCloseTo((21_846 * 3) / 65_536 - 1);
    const worst = Math.max(...Array.from({ length: 256 }, (_, i) => partitionBias(i + 1)));
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(0.005);
  });
});

describe('a failover', () => {
  const outage: Outage = {
    perSecond: 1_000,
    instances: 2,
    gapMs: 3_000,
    capacityPerSecond: 4_000,
    maxPendingSaves: 10_000,
    saveDeadlineMs: 12_000,
  };

  test('that is short costs nobody an answer: rate × gap wait, and are gone after their share of what is free', () => {
    const cost = simulateOutage(outage);
    expect(cost).toMatchObject({ refused: 0, late: 0 });
    expect(cost.waitedMost).toBeCloseTo(3_000, -2);
    expect(cost.caughtUpAfterMs).toBeCloseTo(1_000, -2);
  });

  test('refuses what the queues have no room for, and no save twice', () => {
    const cost = simulateOutage({ ...outage, maxPendingSaves: 1_000 });
    expect(cost.waitedMost).toBe(2_000);
    expect(cost.refused).toBeGreaterThanOrEqual(1_000);
    const arrived = outage.perSecond * ((outage.gapMs + (cost.caughtUpAfterMs ?? 0)) / 1_000);
    expect(cost.refused + cost.late + cost.saved).toBeCloseTo(arrived, 3);
  });

  test('that is longer than the deadline answers 503 to who came first', () => {
    const cost = simulateOutage({ ...outage, gapMs: 15_000 });
    expect(cost.late).toBeGreaterThan(2_990);
    expect(cost.refused).toBe(0);
  });

  test('under more than the master can save never ends', () => {
    expect(simulateOutage({ ...outage, capacityPerSecond: 900 }).caughtUpAfterMs).toBeNull();
  });
});

describe('docs/scaling.md', LONG, () => {
  const docs = new URL('../../docs/', import.meta.url);

  test('is what the reports and the simulations say: node bench/scaling/write.ts writes it', () => {
    expect(readFileSync(new URL('scaling.md', docs), 'utf8')).toBe(renderScaling());
    for (const [name, picture] of Object.entries(scalingPlots())) {
      expect(readFileSync(new URL(`benchmarks/${name}`, docs), 'utf8'), name).toBe(picture);
    }
  });
});
