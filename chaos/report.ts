// The table of a run: for the terminal, and for docs/guarantees.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Scenario } from './scenario.ts';
import { NOT_HERE } from './scenarios/all.ts';
import { errorsOf, type TrialResult } from './trial.ts';

const BEGIN = '<!-- chaos begin: written by "npm run chaos -- --write" -->';
const END = '<!-- chaos end -->';
const HEADS = [
  'row',
  'scenario',
  'runs',
  'verdict',
  'saves',
  'faults',
  'lost',
  'duplicates',
  'false duplicates',
  'longest gap',
  '5xx',
  'unknown',
];

export type NotRun = { readonly scenario: Scenario; readonly why: string };
type Row = readonly string[];

/** One line for each scenario, its runs together; the worst verdict counts. */
export function tableRows(results: readonly TrialResult[], notRun: readonly NotRun[]): Row[] {
  const rows = [...Map.groupBy(results, ({ scenario }) => scenario.name).values()].map(toRow);
  for (const { scenario, why } of notRun) rows.push([scenario.row, scenario.name, '0', `not run: ${why}`]);
  for (const { row, what, why } of NOT_HERE) rows.push([row, what, '0', `not here: ${why}`]);
  return rows;
}

/** What all runs came to, in one sentence. */
export function renderTotals(results: readonly TrialResult[]): string {
  const sum = (of: (result: TrialResult) => number): string =>
    results.reduce((total, one) => total + of(one), 0).toLocaleString('en');
  const found = (kind: 'lost' | 'duplicate' | 'falseDuplicate'): string =>
    sum(({ findings }) => findings?.counts[kind] ?? 0);
  const work = `${sum(({ load }) => load.saved)} saves, ${sum(({ load }) => load.duplicates)} duplicates told`;
  const harm = `${found('lost')} lost, ${found('duplicate')} doubled, ${found('falseDuplicate')} false duplicates`;
  return `${work}, ${sum(({ faults }) => faults)} faults: ${harm}.`;
}

/** As aligned columns. */
export function renderTable(rows: readonly Row[]): string {
  const all = [HEADS, ...rows];
  // The last cell of a short row is a sentence that may run over the columns behind it.
  const widths = HEADS.map((_, i) =>
    Math.max(
      ...all.map((row) =>
        i < row.length - 1 || row === HEADS || row.length === HEADS.length ? (row[i]?.length ?? 0) : 0,
      ),
    ),
  );
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Replaces what stands between the two markers of the page; makes the page when there is none. */
export function writeTable(path: string, rows: readonly Row[], how: string): void {
  const page = existsSync(path) ? readFileSync(path, 'utf8') : `# Guarantees\n\n${BEGIN}\n${END}\n`;
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${path} has no "${BEGIN}" … "${END}".`);
  const lines = [HEADS, HEADS.map(() => '---'), ...rows].map(
    (row) => `| ${HEADS.map((_, i) => row[i] ?? '').join(' | ')} |`,
  );
  writeFileSync(path, `${before}${BEGIN}\n${how}\n\n${lines.join('\n')}\n${END}${after}`);
}

function toRow(runs: readonly TrialResult[]): Row {
  const { scenario } = runs[0] as TrialResult;
  const sum = (of: (result: TrialResult) => number): string => `${runs.reduce((total, one) => total + of(one), 0)}`;
  const longestGapMs = Math.max(...runs.map(({ load }) => load.longestGapMs));
  return [
    scenario.row,
    scenario.name,
    `${runs.length}`,
    [...new Set(runs.map(({ verdict }) => verdict))].join(', '),
    sum(({ load }) => load.saved),
    sum(({ faults }) => faults),
    sum(({ findings }) => findings?.counts.lost ?? 0),
    sum(({ findings }) => findings?.counts.duplicate ?? 0),
    sum(({ findings }) => findings?.counts.falseDuplicate ?? 0),
    `${(longestGapMs / 1_000).toFixed(1)} s`,
    sum(({ load }) => errorsOf(load)),
    sum(({ load }) => load.unknown),
  ];
}
