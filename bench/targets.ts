// The targets that the service was built to, and what was measured of each.
import { BESIDE } from './scenarios/stored.ts';
import { cpuOfRole, latencyAt, type Metric, perSecond, type Report, readReport, rowOf, spread } from './report.ts';

export type Target = {
  readonly what: string;
  readonly wanted: string;
  /** Null when it was not measured. */
  readonly measured: number | null;
  readonly isMet: boolean;
};

type Bound = { readonly atMost: number } | { readonly atLeast: number };

/** Two times the time after which Sentinel takes a node for dead (2 s), and three seconds. */
const GAP_SECONDS = 7;
const MAIN = '64 connections';

const figure = (scenario: string, name: string): number | null => readReport(scenario)?.figures?.[name] ?? null;

/** Of the reports that there are. */
export function targets(): Target[] {
  const main = readReport('main');
  const acks = readReport('acks');
  const stored = readReport('stored');
  return [
    target(
      'CPU of the API process per save ÷ per request of an empty Fastify POST',
      { atMost: 1.4 },
      ratio(main, [MAIN, 'ours'], [MAIN, 'empty'], cpuOfRole('api')),
    ),
    target('saves/s ÷ the usual service’s', { atLeast: 2.5 }, ratio(main, [MAIN, 'ours'], [MAIN, 'usual'], perSecond)),
    target(
      'CPU of the Redis master per save ÷ the usual service’s',
      { atMost: 0.4 },
      ratio(main, [MAIN, 'ours'], [MAIN, 'usual'], cpuOfRole('database')),
    ),
    target(
      'saves/s with ACKS=all ÷ with ACKS=0',
      { atLeast: 0.85 },
      ratio(acks, [MAIN, 'ACKS=all'], [MAIN, 'ACKS=0'], perSecond),
    ),
    target(
      'lines/s of one stream to one instance, all new',
      { atLeast: 100_000 },
      figure('batches', 'lines per second, all new'),
    ),
    target(
      '409s/s for one hot content ÷ an empty Fastify POST',
      { atLeast: 0.8 },
      ratio(readReport('duplicates'), ['one hot content', 'ours'], ['one hot content', 'empty'], perSecond),
    ),
    target(
      'bytes of Redis memory per item over its content, at a million items of 100 bytes',
      { atMost: 120 },
      figure('stored', 'bytes per item over its content at 1,000,000'),
    ),
    target(
      'p50 at 10 million stored items ÷ at 10 thousand',
      { atMost: 1.2 },
      ratio(stored, ['10,000,000 items', 'ours'], ['10,000,000 items', BESIDE], latencyAt(50)),
    ),
    target(
      'seconds without a save when the master is killed',
      { atMost: GAP_SECONDS },
      figure('failover', 'gap in seconds, longest'),
    ),
  ];
}

function target(what: string, bound: Bound, measured: number | null): Target {
  if ('atMost' in bound) {
    return { what, wanted: `≤ ${bound.atMost}`, measured, isMet: measured !== null && measured <= bound.atMost };
  }
  const wanted = `≥ ${bound.atLeast.toLocaleString('en')}`;
  return { what, wanted, measured, isMet: measured !== null && measured >= bound.atLeast };
}

type Place = readonly [name: string, candidate: string];

/** The ratio of two medians of one report. */
function ratio(report: Report | null, above: Place, below: Place, metric: Metric): number | null {
  const [one, other] = [rowOf(report, ...above), rowOf(report, ...below)];
  if (one === undefined || other === undefined) return null;
  return spread(one, metric).median / spread(other, metric).median;
}
