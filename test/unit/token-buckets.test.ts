// Buckets of tokens: what they let through over any sequence, and how much they remember.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TokenBuckets } from '../../src/http/token-buckets.ts';

/** The usual bucket, which is filled as time passes and holds a number. */
class Model {
  #tokens: number;
  #atMs = 0;
  readonly #perSecond: number;
  readonly #burst: number;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  tokensAt(nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#atMs) / 1_000) * this.#perSecond);
    this.#atMs = nowMs;
    return this.#tokens;
  }

  remove(count: number): void {
    this.#tokens -= count;
  }
}

const steps = fc.array(
  fc.record({
    afterMs: fc.nat(2_000),
    key: fc.constantFrom('a', 'b'),
    charge: fc.option(fc.integer({ min: 1, max: 20 })),
  }),
  { maxLength: 100 },
);

test('let through what a bucket of tokens does, for each key by itself', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      steps,
      (perSecond, burst, sequence) => {
        const buckets = new TokenBuckets({ perSecond, burst, maxKeys: 1_000 });
        const models = new Map(['a', 'b'].map((key) => [key, new Model(perSecond, burst)]));
        let nowMs = 5;
        for (const { afterMs, key, charge } of sequence) {
          nowMs += afterMs;
          const model = models.get(key) as Model;
          const tokens = model.tokensAt(nowMs);
          // At the very edge the two may round otherwise.
          if (charge === null && Math.abs(tokens - 1) < 1e-6) return;
          const isTaken = charge === null && tokens >= 1;
          const count = charge ?? 1;
          const missing = isTaken ? 0 : Math.max(0, count - tokens);
          if (charge !== null || isTaken) model.remove(count);
          const taken = charge === null ? buckets.take(key, nowMs) : null;
          const waitMs = taken?.waitMs ?? buckets.charge(key, count, nowMs);
          expect(waitMs).toBeCloseTo((missing * 1_000) / perSecond, 3);
          const left = isTaken ? tokens - 1 : 0;
          expect(Math.abs((taken?.remaining ?? left) - left)).toBeLessThan(1);
        }
      },
    ),
  );
});

describe('what is remembered', () => {
  test('is bounded, whoever comes', () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 1_000, maxKeys: 100 });
    for (let i = 0; i < 10_000; i++) {
      buckets.take(`ip:${i}`, i / 1_000);
      expect(buckets.size).toBeLessThanOrEqual(100);
    }
  });

  test('is not forgotten for the time in which it matters, while there is room', () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 10, maxKeys: 100 });
    for (let i = 0; i < 10; i++) expect(buckets.take('a', 0).waitMs).toBe(0);
    for (let ms = 0; ms < 1_000; ms += 10) buckets.take('b', ms);
    expect(buckets.take('a', 999).waitMs).toBeCloseTo(1, 3);
    expect(buckets.take('a', 1_000).waitMs).toBe(0);
  });

  test('is gone when buckets have been full for long', () => {
    const buckets = new TokenBuckets({ perSecond: 10, burst: 10, maxKeys: 1_000 });
    for (let i = 0; i < 400; i++) buckets.take(`ip:${i}`, 0);
    for (const nowMs of [1_001, 2_002, 3_003]) buckets.take('a', nowMs);
    expect(buckets.size).toBe(1);
  });
});
