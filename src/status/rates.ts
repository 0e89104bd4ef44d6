// How many a second, from how many so far. No I/O.
import { OUTCOMES, type PerOutcome } from './report.ts';

export const NOTHING: PerOutcome = { saved: 0, duplicates: 0, replayed: 0, refused: 0, failed: 0 };

/** Turns totals into rates, each since the totals before. */
export class RateMeter {
  #before: { readonly totals: PerOutcome; readonly atMs: number } | null = null;

  /** Takes in the totals at this monotonic time; the first ones tell no rate. */
  update(totals: PerOutcome, atMs: number): PerOutcome {
    const before = this.#before;
    this.#before = { totals, atMs };
    if (before === null || atMs <= before.atMs) return NOTHING;
    return byOutcome((outcome) => ((totals[outcome] - before.totals[outcome]) * 1_000) / (atMs - before.atMs));
  }
}

/** Adds them up. */
export function sum(rates: readonly PerOutcome[]): PerOutcome {
  return byOutcome((outcome) => rates.reduce((total, rate) => total + rate[outcome], 0));
}

const byOutcome = (valueOf: (outcome: keyof PerOutcome) => number): PerOutcome =>
  Object.fromEntries(OUTCOMES.map((outcome) => [outcome, Math.round(valueOf(outcome) * 100) / 100])) as PerOutcome;
