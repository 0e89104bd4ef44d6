// The plots of docs/benchmarks.md, each from the report of one scenario.
import { PERCENTILES } from './load-job.ts';
import { cpuOfRole, latencyAt, perSecond, type Report, type Row, spread } from './report.ts';
import { type Bar, type BarGroup, barPlot, linePlot } from './svg.ts';

/** Names of files and their contents. */
export type Plots = Readonly<Record<string, string>>;

const ROLES = ['api', 'database', 'replicas', 'nginx'];

/** The plots of a scenario that has any. */
export function plotsOf(report: Report): Plots {
  const plot = PLOTS[report.scenario];
  return plot === undefined ? {} : plot(report);
}

const PLOTS: Readonly<Record<string, (report: Report) => Plots>> = {
  main: ({ rows = [] }) => ({
    'cpu.svg': barPlot('CPU time per request, µs', ROLES.slice(0, 3), [{ name: '', bars: rows.map(cpuBar) }]),
    'latency.svg': latencyPlot('Latency at 64 connections, ms', rows),
  }),
  connections: ({ rows = [] }) => ({
    'throughput.svg': barPlot('Requests per second', ['requests'], groups(rows, perSecondBar)),
  }),
  'half-load': ({ rows = [] }) => ({
    'half-load.svg': latencyPlot(
      'Latency at half of the maximum, ms',
      rows.filter((row) => row.case === 'at half of it'),
    ),
  }),
  instances: ({ rows = [] }) => ({
    'instances.svg': barPlot(
      'CPU time per request through nginx, µs',
      ROLES,
      groups(rows, cpuBar).map(({ name, bars }) => ({ name, bars })),
    ),
  }),
  stored: ({ series = [] }) => ({
    'memory.svg': barPlot(
      'Redis memory per item over its content of 100 bytes, in bytes',
      ['bytes'],
      series.map(({ points }) => ({
        name: '',
        bars: points.map(([items, bytes]) => ({ name: `${items.toLocaleString('en')} items`, values: [bytes] })),
      })),
    ),
  }),
  failover: ({ series = [] }) => ({
    'failover.svg': linePlot({
      title: 'Before, while and after the master is killed',
      xLabel: 'seconds',
      series,
      xTicks: [0, 5, 10, 15, 20].map((second) => [second, `${second}`]),
      isLogarithmic: true,
      yMin: 1,
    }),
  }),
  soak: ({ series = [], figures = {} }) => ({
    'soak.svg': linePlot({
      title: 'Memory of an instance under load, MB',
      xLabel: 'minutes',
      series,
      xTicks: [0, 0.25, 0.5, 0.75, 1].map((share) => {
        const minute = share * (figures['minutes'] ?? 0);
        return [minute, minute.toFixed(0)];
      }),
    }),
  }),
};

function groups(rows: readonly Row[], bar: (row: Row) => Bar): BarGroup[] {
  return [...Map.groupBy(rows, (row) => row.case)].map(([name, list]) => ({ name, bars: list.map(bar) }));
}

const perSecondBar = (row: Row): Bar => ({ name: row.candidate, values: [spread(row, perSecond).median] });

const cpuBar = (row: Row): Bar => ({
  name: row.candidate,
  values: ROLES.map((role) => spread(row, cpuOfRole(role)).median).map((value) => (Number.isNaN(value) ? 0 : value)),
});

function latencyPlot(title: string, rows: readonly Row[]): string {
  return linePlot({
    title,
    xLabel: 'percentile',
    series: rows.map((row) => ({
      name: row.candidate,
      points: PERCENTILES.map((percentile, i) => [i, spread(row, latencyAt(percentile)).median] as const),
    })),
    xTicks: PERCENTILES.map((percentile, i) => [i, `${percentile}`]),
    isLogarithmic: true,
    yMin: 0.1,
  });
}
