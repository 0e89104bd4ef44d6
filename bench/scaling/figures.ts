// What docs/scaling.md calculates with: figures of docs/benchmarks/*.json, each with the report that it is from.
import { cpuOfRole, type Metric, perSecond, readReport, type Report, rowOf, spread } from '../report.ts';

const MAIN = '64 connections';

export type Figures = {
  readonly main: Report;
  readonly failover: Report;
  readonly bytes: Report;
  /** CPU of a save of 100 bytes in microseconds. */
  readonly cpu: {
    readonly api: number;
    readonly master: number;
    readonly replica: number;
    readonly masterAlone: number;
    /** In front of two instances. */
    readonly nginx: number;
  };
  /** Saves per second of the whole machine, under full load. */
  readonly machine: { readonly median: number; readonly min: number; readonly max: number };
  readonly gapSeconds: number;
  /** Bytes of a save of 100 bytes. */
  readonly size: {
    readonly memory: number;
    readonly file: number;
    readonly replicated: number;
    readonly received: number;
    readonly sent: number;
  };
};

/** Throws when a report or a number is missing: a page with a gap in it would look like one without. */
export function readFigures(): Figures {
  const [main, stores, failover, bytes, instances] = ['main', 'stores', 'failover', 'bytes', 'instances'].map(
    reportOf,
  ) as [Report, Report, Report, Report, Report];
  const ours = (metric: Metric) => spreadIn(main, MAIN, 'ours', metric);
  return {
    main,
    failover,
    bytes,
    cpu: {
      api: ours(cpuOfRole('api')).median,
      master: ours(cpuOfRole('database')).median,
      // The report has both of them together.
      replica: ours(cpuOfRole('replicas')).median / 2,
      masterAlone: spreadIn(stores, '64 at once', 'our store, 3 nodes', cpuOfRole('database')).median,
      nginx: spreadIn(instances, '2 instances', 'ours', cpuOfRole('nginx')).median,
    },
    machine: ours(perSecond),
    gapSeconds: figure(failover, 'gap in seconds, longest'),
    size: {
      memory: figure(bytes, 'memory of an item, with its content'),
      file: figure(bytes, 'append-only file per save'),
      replicated: figure(bytes, 'replication stream per save, to each replica'),
      received: figure(bytes, 'received by the master per save'),
      sent: figure(bytes, 'sent by the master per save'),
    },
  };
}

function reportOf(scenario: string): Report {
  const report = readReport(scenario);
  if (report === null) throw new Error(`npm run bench -- --only ${scenario} has not been run`);
  return report;
}

function spreadIn(report: Report, name: string, candidate: string, metric: Metric) {
  const row = rowOf(report, name, candidate);
  if (row === undefined) throw new Error(`docs/benchmarks/${report.scenario}.json has no ${candidate} at ${name}`);
  return spread(row, metric);
}

function figure({ figures = {}, scenario }: Report, name: string): number {
  const value = figures[name];
  if (value === undefined) throw new Error(`docs/benchmarks/${scenario}.json has no "${name}"`);
  return value;
}
