// What a run has brought so far, counted while it goes on.
import type { Outcome } from './attempt.ts';

export type LoadStats = {
  readonly sent: number;
  readonly inFlight: number;
  /** Answered with 201, replays included. */
  readonly saved: number;
  readonly duplicates: number;
  /** By status and code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly unknown: number;
  /** When the last 201 came, as `Attempt.answeredAtMs`; null before the first. */
  readonly lastSavedAtMs: number | null;
  /** The longest time without a 201 since the load began, the present one included. */
  readonly longestGapMs: number;
  /** From sending to a 201 or 409; null when there was none. Percentiles are exact to 1 %. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
};

// Each bucket is 1 % wider than the one before: 2,048 reach from a microsecond to far beyond any time limit.
const BUCKETS = 2_048;
const LOG_WIDTH = Math.log(1.01);
const SMALLEST_MS = 0.001;

export class LoadCounters {
  sent = 0;
  inFlight = 0;
  #saved = 0;
  #duplicates = 0;
  #unknown = 0;
  readonly #refused = new Map<string, number>();
  #lastSavedAtMs: number | null = null;
  #gapSinceMs: number;
  #longestGapMs = 0;
  #stoppedAtMs: number | null = null;
  readonly #latencies = new Uint32Array(BUCKETS);
  #maxLatencyMs = 0;

  constructor(startedAtMs: number) {
    this.#gapSinceMs = startedAtMs;
  }

  note(outcome: Outcome, sentAtMs: number, answeredAtMs: number): void {
    switch (outcome.kind) {
      case 'saved':
        this.#saved++;
        this.#lastSavedAtMs = answeredAtMs;
        this.#endGap(answeredAtMs);
        this.#noteLatency(answeredAtMs - sentAtMs);
        return;
      case 'duplicate':
        this.#duplicates++;
        this.#noteLatency(answeredAtMs - sentAtMs);
        return;
      case 'refused': {
        const name = `${outcome.status} ${outcome.code}`;
        this.#refused.set(name, (this.#refused.get(name) ?? 0) + 1);
        return;
      }
      case 'unknown':
        this.#unknown++;
    }
  }

  /** Nothing new is sent from now on, so the time without a 201 means nothing any more. */
  stopped(atMs: number): void {
    this.#endGap(atMs);
    this.#stoppedAtMs = atMs;
  }

  /** Begins to measure the longest gap anew, as before a fault. */
  restartGap(atMs: number): void {
    this.#gapSinceMs = atMs;
    this.#longestGapMs = 0;
  }

  read(atMs: number): LoadStats {
    const present = this.#stoppedAtMs === null ? atMs - this.#gapSinceMs : 0;
    return {
      sent: this.sent,
      inFlight: this.inFlight,
      saved: this.#saved,
      duplicates: this.#duplicates,
      refused: Object.fromEntries(this.#refused),
      unknown: this.#unknown,
      lastSavedAtMs: this.#lastSavedAtMs,
      longestGapMs: Math.max(this.#longestGapMs, present),
      latencyMs:
        this.#saved + this.#duplicates === 0
          ? null
          : { p50: this.#percentile(0.5), p99: this.#percentile(0.99), max: this.#maxLatencyMs },
    };
  }

  #endGap(atMs: number): void {
    if (this.#stoppedAtMs !== null) return;
    this.#longestGapMs = Math.max(this.#longestGapMs, atMs - this.#gapSinceMs);
    this.#gapSinceMs = atMs;
  }

  #noteLatency(ms: number): void {
    const bucket = Math.floor(Math.log(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) / LOG_WIDTH);
    const at = Math.min(bucket, BUCKETS - 1);
    this.#latencies[at] = (this.#latencies[at] ?? 0) + 1;
    this.#maxLatencyMs = Math.max(this.#maxLatencyMs, ms);
  }

  #percentile(share: number): number {
    let left = share * (this.#saved + this.#duplicates);
    const bucket = this.#latencies.findIndex((count) => (left -= count) <= 0);
    return SMALLEST_MS * Math.exp((bucket + 1) * LOG_WIDTH);
  }
}
