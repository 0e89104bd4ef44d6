// Writes docs/benchmarks.md and its plots out of the last report of each scenario.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { plotsOf } from './plots.ts';
import {
  cpuOfRole,
  latencyAt,
  type Metric,
  perSecond,
  readReport,
  type Report,
  REPORTS_DIR,
  type Row,
  spread,
  spreadOf,
} from './report.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { readable } from './svg.ts';
import { targets } from './targets.ts';

/** What our own Sentinels, keeper and this program take stays below. */
const QUIET_CORES = 0.2;
const PAGE = join(REPORTS_DIR, '../benchmarks.md');

const HEAD = `# Benchmarks

Written by \`npm run bench\`, which runs all of this anew; \`npm run bench -- --only NAME\` runs one part.
The numbers behind it are in [benchmarks/](benchmarks/) as JSON.

## How to read it

- Everybody runs as local processes on one machine, and so does the maker of load: **they share its cores**. Requests per second say
  how much work a request is for all of them together. CPU time is taken from the operating system (user and system time of the
  processes and their children over the counted requests), is steadier, and says whose work it is.
- \`api\` is the process that answers HTTP, \`database\` the Redis master (or PostgreSQL with all its backends, or the NATS
  servers), \`replicas\` the two Redis replicas together, \`load\` the maker of load.
- In each round candidates run in turn, every other round in the opposite order, after a warm-up of a second. Numbers are medians of the
  rounds, with the smallest and the largest behind them.
- As a rule each connection sends its next request when the last one is answered, so latency is that under full load, and a
  pause holds up no more requests than there are connections. Where requests come due by the clock, it says so.
- The candidates: \`ours\`, with a log line for every request, and every save on a master and two replicas before it is answered.
  \`empty\`, a Fastify POST with the same schema that does nothing, without a log. \`usual\`, Redlock around "does it exist, then
  store it", on one Redis that keeps an append-only file, without a log. \`postgres\`, a UNIQUE constraint and INSERT … ON CONFLICT,
  flushed to disk before the answer, on one server. They are in [bench/peers/](../bench/peers/).
`;

/** Returns where it is. */
export function writePage(): string {
  mkdirSync(REPORTS_DIR, { recursive: true });
  for (const report of SCENARIOS.map(({ name }) => readReport(name)).filter((one) => one !== null)) {
    for (const [name, picture] of Object.entries(plotsOf(report))) writeFileSync(join(REPORTS_DIR, name), picture);
  }
  writeFileSync(PAGE, renderPage());
  return relative(process.cwd(), PAGE);
}

export function renderPage(): string {
  const sections = SCENARIOS.map((scenario) => {
    const report = readReport(scenario.name);
    return report === null ? '' : section(scenario, report);
  });
  return [HEAD, targetsTable(), ...sections.filter(Boolean)].join('\n');
}

function targetsTable(): string {
  const rows = targets().map(({ what, wanted, measured, isMet }) => [
    what,
    wanted,
    measured === null ? 'not measured' : readable(measured),
    measured === null ? '' : isMet ? 'met' : '**not met**',
  ]);
  return `## Targets\n\n${table([['What', 'Target', 'Measured', ''], ...rows])}\n`;
}

function section({ title, about }: Scenario, report: Report): string {
  const { rows = [], figures = {}, tables = [], notes = [], at, commit, command, machine } = report;
  const parts = [`## ${title}`, about.replaceAll('\n', ' ')];
  for (const name of Object.keys(plotsOf(report))) parts.push(`![${name.replace('.svg', '')}](benchmarks/${name})`);
  if (rows.length > 0) parts.push(rowsTable(rows), ...disturbance(rows));
  const numbers = Object.entries(figures).map(([name, value]) => [name, readable(value)]);
  if (numbers.length > 0) parts.push(table([['What', 'Measured'], ...numbers]));
  parts.push(
    ...tables.map(table),
    ...notes,
    `<sub>${at.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}, \`${command}\`, ${machine}.</sub>`,
  );
  return `${parts.join('\n\n')}\n`;
}

/** Whether the machine had other things to do: throughput and latency are then worse than they are alone. */
function disturbance(rows: readonly Row[]): string[] {
  const { median } = spreadOf(rows.flatMap(({ samples }) => samples.map(({ coresOfOthers }) => coresOfOthers)));
  if (!(median > QUIET_CORES)) return [];
  return [`**Other work on the machine took ${median.toFixed(1)} of its cores meanwhile.**`];
}

/** One line for each candidate in each case, with ratios to those that others are compared with. */
function rowsTable(rows: readonly Row[]): string {
  const roles = [...new Set(rows.flatMap((row) => Object.keys(row.samples[0]?.cpuMicroseconds ?? {})))];
  const hasEmpty = rows.some(({ candidate }) => candidate === 'empty');
  const ratios = hasEmpty ? ['requests/s ÷ usual', 'api ÷ empty'] : [];
  const lines = rows.map((row) => {
    const beside = (candidate: string, metric: Metric): string => {
      const other = rows.find((one) => one.case === row.case && one.candidate === candidate);
      return other === undefined ? '' : (spread(row, metric).median / spread(other, metric).median).toFixed(2);
    };
    return [
      row.case,
      row.candidate,
      tell(row, perSecond),
      ...roles.map((role) => tell(row, cpuOfRole(role))),
      ...(hasEmpty ? [beside('usual', perSecond), beside('empty', cpuOfRole('api'))] : []),
      tell(row, latencyAt(50)),
      tell(row, latencyAt(99)),
      Object.keys(Object.assign({}, ...row.samples.map(({ statuses }) => statuses))).join(', '),
    ];
  });
  const cpu = roles.map((role) => `CPU µs ${role}`);
  return table([['', '', 'requests/s', ...cpu, ...ratios, 'p50 ms', 'p99 ms', 'answers'], ...lines]);
}

function tell(row: Row, metric: Metric): string {
  const { median, min, max } = spread(row, metric);
  return Number.isNaN(median) ? '' : `${readable(median)} (${readable(min)}–${readable(max)})`;
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
