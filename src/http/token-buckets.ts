// Counts what each of many keys may still do: so much at once, and so much in a second after that.

/** `waitMs` is 0 when it may be done; else it was not counted, and may be done after so long. */
export type Taken = { readonly remaining: number; readonly waitMs: number };

/**
 * Of each key only the time is kept at which its bucket is full again (GCRA), and after that nothing. `maxKeys` bounds the
 * memory whoever comes: beyond it the older half is forgotten, which gives those keys a full bucket, as a key that was
 * never seen has.
 */
export class TokenBuckets {
  readonly burst: number;
  /** The time in which an empty bucket fills. */
  readonly fillMs: number;
  readonly #msEach: number;
  readonly #maxGenerationKeys: number;
  /** Keys move to the newer generation when they are used; the older one is dropped when all in it are full, or for room. */
  #newer = new Map<string, number>();
  #older = new Map<string, number>();
  #newerSinceMs = -Infinity;

  constructor({ perSecond, burst, maxKeys }: { perSecond: number; burst: number; maxKeys: number }) {
    this.burst = burst;
    this.#msEach = 1_000 / perSecond;
    this.fillMs = burst * this.#msEach;
    this.#maxGenerationKeys = Math.max(1, Math.floor(maxKeys / 2));
  }

  /** Keys that something is kept of. */
  get size(): number {
    return this.#newer.size + this.#older.size;
  }

  /** Takes one if there is one. `nowMs` is monotonic. */
  take(key: string, nowMs: number): Taken {
    const fullAtMs = Math.max(nowMs, this.#fullAt(key)) + this.#msEach;
    const waitMs = fullAtMs - nowMs - this.fillMs;
    // A double is exact to well under this.
    if (waitMs > 1e-6) return { remaining: 0, waitMs };
    this.#keep(key, fullAtMs, nowMs);
    return { remaining: Math.max(0, Math.floor(-waitMs / this.#msEach + 1e-6)), waitMs: 0 };
  }

  /** Takes so many, also when there are fewer; the time until none is missing, or 0. */
  charge(key: string, count: number, nowMs: number): number {
    const fullAtMs = Math.max(nowMs, this.#fullAt(key)) + count * this.#msEach;
    this.#keep(key, fullAtMs, nowMs);
    return Math.max(0, fullAtMs - nowMs - this.fillMs);
  }

  #fullAt(key: string): number {
    return this.#newer.get(key) ?? this.#older.get(key) ?? -Infinity;
  }

  #keep(key: string, fullAtMs: number, nowMs: number): void {
    if (this.#newer.size >= this.#maxGenerationKeys || nowMs - this.#newerSinceMs > this.fillMs) this.#turnOver(nowMs);
    this.#newer.set(key, fullAtMs);
    this.#older.delete(key);
  }

  #turnOver(nowMs: number): void {
    for (const [key, fullAtMs] of this.#older) {
      // All that were not charged beyond their bucket are full by now, unless it is for room.
      if (fullAtMs > nowMs && this.#newer.size < this.#maxGenerationKeys) this.#newer.set(key, fullAtMs);
    }
    this.#older = this.#newer;
    this.#newer = new Map();
    this.#newerSinceMs = nowMs;
  }
}
