// What docs/guarantees.md and docs/invariants.md name as proof exists: tests by file and title, scenarios by name.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SCENARIOS } from '../../chaos/scenarios/all.ts';

const ROOT = new URL('../../', import.meta.url);
const PAGES = ['docs/guarantees.md', 'docs/invariants.md'] as const;
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

const TEXT = String.raw`'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|${'`'}[^${'`'}]*${'`'}`;
/** `test('title', …`, `describe.each(…)('title', …`: a title, then options or none, then a function. */
const TITLE = new RegExp(
  String.raw`(?:\b(?:test|describe)|\))\(\s*(${TEXT}),\s*(?:\{[^}]*\},\s*)?(?:async\b|\(|\w+\s*=>)`,
  'g',
);
/** The first value of a row of `test.each`. */
const ROW = new RegExp(String.raw`\[\s*(${TEXT})`, 'g');
const PLACEHOLDER = /%(?:\.\d+)?[sdifjo]|\$\{[^}]*\}/;
/** `` `test/unit/x.test.ts` "one title" "a describe > another title" `` */
const REFERENCE = /`(test\/[^`]+\.test\.ts)`((?:[:;,]?\s+"[^"]+")*)/g;
const SCENARIO = /scenarios? ((?:(?:, | and )?`[a-z0-9-]+`)+)/g;

const unquoted = (literal: string): string => literal.slice(1, -1).replace(/\\(.)/g, '$1');

/** Whether a test source has this title, as it is written or as `test.each` fills it in from the rows in front of it. */
function hasTitle(source: string, cited: string): boolean {
  for (const { 1: literal = '', index } of source.matchAll(TITLE)) {
    const title = unquoted(literal);
    if (title === cited) return true;
    const parts = title.split(PLACEHOLDER);
    if (parts.length === 1) continue;
    const value = new RegExp(`^${parts.map((part) => RegExp.escape(part)).join('(.+)')}$`).exec(cited)?.[1];
    const from = Math.max(0, source.lastIndexOf('.each', index), source.lastIndexOf('.for(', index));
    const rows = source.slice(from, index);
    if (value !== undefined && [...rows.matchAll(ROW)].some(([, row = '']) => unquoted(row) === value)) return true;
  }
  return false;
}

/** What a page names and there is not. */
function missingIn(page: string): string[] {
  const missing: string[] = [];
  for (const [, file = '', titles = ''] of page.matchAll(REFERENCE)) {
    if (!existsSync(new URL(file, ROOT))) missing.push(file);
    else if (titles === '') missing.push(`${file} without a title`);
    else {
      const cited = [...titles.matchAll(/"([^"]+)"/g)].flatMap(([, title = '']) => title.split(' > '));
      for (const title of cited) if (!hasTitle(read(file), title)) missing.push(`${file} "${title}"`);
    }
  }
  const names = new Set(SCENARIOS.map(({ name }) => name));
  for (const [, list = ''] of page.matchAll(SCENARIO)) {
    for (const [, name = ''] of list.matchAll(/`([^`]+)`/g)) if (!names.has(name)) missing.push(`scenario ${name}`);
  }
  return missing;
}

/** The rows of all tables whose last column is called "Test". */
function rowsWithTests(page: string): string[] {
  const tables = page.split(/\n\n+/).filter((block) => /^\|.*\| Test \|\n\|---/.test(block));
  return tables.flatMap((table) => table.split('\n').slice(2)).filter((line) => line.startsWith('|'));
}

const isProven = (row: string): boolean =>
  [REFERENCE, SCENARIO, /\*\*no test\*\*/].some((proof) => row.match(proof) !== null);

test.each(PAGES)('every test and scenario that %s names exists', (path) => {
  expect(missingIn(read(path))).toEqual([]);
});

test.each(PAGES)('every rule of %s has a test or says that it has none', (path) => {
  const rows = rowsWithTests(read(path));
  expect(rows.length).toBeGreaterThan(5);
  expect(rows.filter((row) => !isProven(row))).toEqual([]);
});

test('what does not exist is found', () => {
  const here = 'test/unit/invariants.test.ts';
  const cite = (title: string): string[] => missingIn(`\`${here}\`: "${title}"`);
  expect(cite('what does not exist is found')).toEqual([]);
  expect(cite('what does not exist')).toEqual([`${here} "what does not exist"`]);
  // A text of this file and no title of it.
  expect(cite('unit')).toEqual([`${here} "unit"`]);
  expect(cite('what does not exist is found > and this')).toEqual([`${here} "and this"`]);
  expect(missingIn('`test/unit/none.test.ts`: "a"')).toEqual(['test/unit/none.test.ts']);
  expect(missingIn(`\`${here}\``)).toEqual([`${here} without a title`]);
  expect(missingIn('scenarios `master-kill` and `no-such`')).toEqual(['scenario no-such']);
});

test('titles of rows are those of their own table', () => {
  const source = "test.each([['a', 1], ['b', 2]])('one %s', () => {}); describe.each([['c']])('%s', (c) => {});";
  const found = ['one %s', 'one a', 'one b', 'c', 'one c', 'a', 'one d', 'd'].filter((cited) =>
    hasTitle(source, cited),
  );
  expect(found).toEqual(['one %s', 'one a', 'one b', 'c']);
});

/** The number of milliseconds that a source gives a constant. */
function constant(path: string, name: string): number {
  const value = new RegExp(String.raw`\bconst ${name} = ([\d_]+);`).exec(read(path))?.[1];
  if (value === undefined) throw new Error(`${path} has no ${name}`);
  return Number(value.replaceAll('_', ''));
}

test('the times of keeper and instances fit each other', () => {
  const pollMs = constant('src/redis/sentinel-watch.ts', 'POLL_INTERVAL_MS');
  const viewMs = constant('src/redis/sentinel-watch.ts', 'MAX_AGE_MS');
  const keeperLagMs = constant('src/keeper/keeper-runtime.ts', 'IN_SYNC_LAG_MS');
  const keeperForMs = constant('src/keeper/marks.ts', 'IN_SYNC_FOR_MS');
  const instanceLagMs = constant('src/redis/store.ts', 'IN_SYNC_LAG_MS');
  const gapMs = constant('src/redis/in-sync.ts', 'MAX_GAP_MS');
  // A replica acknowledges once a second on a quiet set.
  expect(keeperLagMs).toBeGreaterThan(1_000);
  // Whom the keeper takes for in sync is in sync at an instance too, whenever both look.
  expect(instanceLagMs).toBeGreaterThanOrEqual(keeperLagMs + gapMs);
  // By the time that a replica is raised it has all that was acknowledged without it.
  expect(keeperForMs).toBeGreaterThanOrEqual(viewMs + keeperLagMs + pollMs);
});
