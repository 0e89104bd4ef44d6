// What a scenario found, as it is kept in docs/benchmarks/*.json.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PERCENTILES } from './load-job.ts';

/** One candidate in one round. */
export type Sample = {
  readonly perSecond: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** At each of `PERCENTILES`. */
  readonly latencyMs: readonly number[];
  /** CPU time per request in microseconds, by what the processes do; `load` is that of making the requests. */
  readonly cpuMicroseconds: Readonly<Record<string, number>>;
  /** How many cores were busy meanwhile with what is not counted here. */
  readonly coresOfOthers: number;
};

/** One candidate in one case, in all rounds. */
export type Row = { readonly case: string; readonly candidate: string; readonly samples: readonly Sample[] };

/** Points of a plot, in order. */
export type Series = { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] };

export type Findings = {
  readonly rows?: readonly Row[];
  /** Single numbers by what they are, with their unit in the name. */
  readonly figures?: Readonly<Record<string, number>>;
  readonly series?: readonly Series[];
  /** Tables of their own: headings, then rows. */
  readonly tables?: readonly (readonly (readonly string[])[])[];
  readonly notes?: readonly string[];
};

export type Report = Findings & {
  readonly scenario: string;
  /** When, on what, the last commit that changed what was measured, and how to get it again. */
  readonly at: string;
  readonly machine: string;
  readonly commit: string;
  readonly command: string;
};

export const REPORTS_DIR = join(import.meta.dirname, '../docs/benchmarks');

export function writeReport(report: Report): void {
  mkdirSync(REPORTS_DIR, { recursive: true });
  writeFileSync(join(REPORTS_DIR, `${report.scenario}.json`), `${JSON.stringify(report, rounded, 1)}\n`);
}

/** The last report of a scenario, or null when there is none. */
export function readReport(scenario: string): Report | null {
  try {
    return JSON.parse(readFileSync(join(REPORTS_DIR, `${scenario}.json`), 'utf8')) as Report;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** More digits than were measured only make the file longer. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}

/** The median of some numbers, and the smallest and the largest. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number };

export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

export type Metric = (sample: Sample) => number;

export const perSecond: Metric = (sample) => sample.perSecond;
export const cpuOfRole =
  (role: string): Metric =>
  (sample) =>
    sample.cpuMicroseconds[role] ?? Number.NaN;
export const latencyAt =
  (percentile: (typeof PERCENTILES)[number]): Metric =>
  (sample) =>
    sample.latencyMs[PERCENTILES.indexOf(percentile)] ?? Number.NaN;

/** The spread of a metric over the rounds of a row. */
export function spread(row: Row, metric: Metric): Spread {
  return spreadOf(row.samples.map(metric));
}

/** The row of a candidate in a case, if there is one. */
export function rowOf(report: Report | null, name: string, candidate: string): Row | undefined {
  return report?.rows?.find((row) => row.case === name && row.candidate === candidate);
}
