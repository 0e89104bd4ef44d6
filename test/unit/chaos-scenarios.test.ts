// The list of scenarios against the fault matrix, and what decides whether a fault has bitten and a run was good.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Dice } from '../../chaos/dice.ts';
import type { Evidence } from '../../chaos/evidence.ts';
import { parseChaosFlags } from '../../chaos/flags.ts';
import { renderTable, tableRows, writeTable } from '../../chaos/report.ts';
import { missingSigns } from '../../chaos/scenario.ts';
import { NOT_HERE, SCENARIOS } from '../../chaos/scenarios/all.ts';

const NOTHING: Evidence = {
  unconfirmed: 0,
  locksLost: 0,
  replayed: 0,
  saved: 0,
  reconnects: 0,
  masterChanges: 0,
  failovers: 0,
  reasons: {},
  facts: new Set(),
};

test('every row of the matrix has a scenario, or a reason why not', () => {
  const rows = new Set([...SCENARIOS, ...NOT_HERE].map(({ row }) => row));
  expect(Array.from({ length: 23 }, (_, i) => `${i + 1}`).filter((row) => !rows.has(row))).toEqual([]);
});

test('no two scenarios have the same name', () => {
  expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
});

test.for(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
  '%s is void when nothing happened',
  ([, one]) => {
    expect(missingSigns(one, NOTHING)).not.toEqual([]);
  },
);

const picks = (seed: number): string => new Dice(seed).shuffle(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']).join('');

test('the same seed picks the same', () => {
  expect(picks(7)).toEqual(picks(7));
  expect(picks(7)).not.toEqual(picks(8));
  expect(new Set(picks(7))).toEqual(new Set('abcdefgh'));
});

test('flags that make no sense are refused by name', () => {
  expect(() => parseChaosFlags(['--only', 'master-kil'])).toThrow('There is no scenario "master-kil"');
  expect(() => parseChaosFlags(['--control', 'acks-2'])).toThrow('--control must be one of acks-0');
  expect(() => parseChaosFlags(['--rate', '5'])).toThrow('--rate must be a whole number from 10');
  expect(parseChaosFlags(['--only', 'master-kill, minority']).only).toEqual(['master-kill', 'minority']);
});

test('the table is written between its markers, and a page without them is left alone', () => {
  const dir = mkdtempSync(join(tmpdir(), 'items-chaos-report-'));
  try {
    const path = join(dir, 'guarantees.md');
    const rows = tableRows([], [{ scenario: SCENARIOS[0]!, why: 'needs more' }]);
    writeTable(path, rows, 'first');
    writeTable(path, rows, 'second');
    const page = readFileSync(path, 'utf8');
    expect(page).toContain('second');
    expect(page).not.toContain('first');
    expect(page.match(/not run: needs more/g)).toHaveLength(1);
    expect(renderTable(rows)).toContain('not run: needs more');
    rmSync(path);
    expect(() => writeTable(join(import.meta.dirname, '../../README.md'), rows, '')).toThrow(
      'has no "<!-- chaos begin',
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});
