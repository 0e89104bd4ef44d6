// Findings as lines on a terminal.
import { cpuOfRole, type Findings, latencyAt, type Metric, perSecond, type Row, spread } from './report.ts';

/** One line: throughput, CPU time per request by process, latency; medians with their spread over the rounds. */
export function printRow(row: Row): void {
  const tell = (metric: Metric, digits = 1): string => {
    const { median, min, max } = spread(row, metric);
    return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
  };
  const roles = Object.keys(row.samples[0]?.cpuMicroseconds ?? {});
  console.log(
    ...(row.case === '' ? [] : [row.case.padEnd(20)]),
    row.candidate.padEnd(8),
    `${tell(perSecond, 0)}/s`,
    ...roles.map((role) => `${role} ${tell(cpuOfRole(role))} µs`),
    `p50 ${tell(latencyAt(50), 2)} ms p99 ${tell(latencyAt(99), 2)} ms`,
    JSON.stringify(row.samples.at(-1)?.statuses),
  );
}

export function printFindings({ rows = [], figures = {}, tables = [], notes = [] }: Findings): void {
  for (const row of rows) printRow(row);
  for (const [name, value] of Object.entries(figures)) console.log(`${name}: ${Number(value.toPrecision(4))}`);
  for (const table of tables) for (const cells of table) console.log(cells.join(' | '));
  for (const note of notes) console.log(note);
}
