// An import that is killed at any moment, against a service that breaks, ends with the totals of one that was not.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FailedLines } from '../../client/cli/failed-lines.ts';
import { countsText, progressLine } from '../../client/cli/import-progress.ts';
import { importLines } from '../../client/cli/import-lines.ts';
import { runImport } from '../../client/cli/import-run.ts';
import { type ImportState, newState, obstacle, readState, writeState } from '../../client/cli/import-state.ts';
import { ItemsClient } from '../../client/items-client.ts';
import { LineWindow } from '../../client/line-window.ts';
import { type Fault, ScriptedService } from '../support/scripted-service.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-import-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

const start = (mode: ImportState['mode'] = 'json-lines'): ImportState =>
  newState({ url: 'http://items', mode, file: null, idempotencyKey: 'k' });

/** In pieces that end anywhere, as a file is read. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
}

const LINES = Array.from({ length: 120 }, (_, n) => {
  if (n % 17 === 3) return 'not JSON';
  if (n % 23 === 5) return ' ';
  return JSON.stringify({ content: n % 9 === 0 ? 'again and again' : `line ${n}` });
});
const FILE = Buffer.from(`${LINES.join('\n')}\n`);

type Death = { readonly afterSaves: number; readonly everyNth: number };

/**
 * Imports the file in as many runs as there are deaths and one more. A dying run saves nothing any more, and of the
 * states before only every so many-th had reached the disk.
 */
async function importWith(deaths: readonly Death[], faults: readonly Fault[]) {
  await using service = await ScriptedService.start();
  service.faults.push(...faults);
  const client = new ItemsClient({ baseUrl: service.url, retry: { baseMs: 0, capMs: 0 } });
  const failedPath = join(dir, 'failed.ndjson');
  let disk = start();
  for (const death of [...deaths, null]) {
    const state = structuredClone(disk);
    const failed = await FailedLines.open(failedPath, state.failedBytes);
    let saves = 0;
    const save = async (now: ImportState): Promise<void> => {
      if (death !== null && saves >= death.afterSaves) throw new Error('killed');
      if (death === null || saves % death.everyNth === 0) disk = structuredClone(now);
      saves++;
    };
    const signal = new AbortController().signal;
    const run = runImport({
      client,
      state,
      failed,
      save,
      signal,
      saveEveryMs: 0,
      chunks: pieces(FILE.subarray(state.offsetBytes)),
    });
    await run.catch((error: Error) => {
      if (error.message !== 'killed') throw error;
    });
    await failed.close();
  }
  const { saved, replayed, ...others } = disk.counts;
  const failedLines = await readFile(failedPath, 'utf8');
  return { totals: { kept: saved + replayed, ...others }, failedLines, disk, stored: service.stored.size };
}

test('any deaths and any faults leave the totals, the failed lines and the items of a run without them', async () => {
  const expected = await importWith([], []);
  expect(expected.totals).toEqual({ kept: 96, duplicates: 12, failed: 7, blank: 5 });
  expect(expected.disk).toMatchObject({ isFinished: true, lines: 120, offsetBytes: FILE.length, nextNumber: 116 });
  const fault = fc.oneof(
    fc.record({ cutAt: fc.nat(40), savesMore: fc.nat(40) }),
    fc.record({ failAt: fc.nat(40), lineStatus: fc.constant(503) }),
    fc.record({ status: fc.constantFrom(502, 503) }),
  );
  const death = fc.record({ afterSaves: fc.nat(60), everyNth: fc.integer({ min: 1, max: 20 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(death, { maxLength: 4 }), fc.array(fault, { maxLength: 4 }), async (deaths, faults) => {
      const { totals, failedLines, stored } = await importWith(deaths, faults);
      expect(totals).toEqual(expected.totals);
      expect(failedLines).toBe(expected.failedLines);
      expect(stored).toBe(expected.stored);
    }),
    { numRuns: 25 },
  );
});

async function importRaw(bytes: Buffer) {
  await using service = await ScriptedService.start();
  const client = new ItemsClient({ baseUrl: service.url, retry: { baseMs: 0, capMs: 0 } });
  const state = start('raw-lines');
  const failed = await FailedLines.open(join(dir, 'raw.failed'), 0);
  const { signal } = new AbortController();
  await runImport({ client, state, failed, signal, chunks: pieces(bytes), save: async () => {}, saveEveryMs: 1e9 });
  await failed.close();
  return { state, contents: [...service.stored.values()].map(({ item }) => item.content) };
}

describe('raw lines', () => {
  test('are contents as they are, without their line ends', async () => {
    const { contents } = await importRaw(Buffer.from(' a "b" \r\n{"c":1}\nlast'));
    expect(contents).toEqual([' a "b" ', '{"c":1}', 'last']);
  });

  test('that are blank, too long or not UTF-8 stop nothing, wherever they stand', async () => {
    const bad = [Buffer.from('\n'.repeat(3_000)), Buffer.from([0xff, 10]), Buffer.from(`${'x'.repeat(409_601)}\n`)];
    const { state, contents } = await importRaw(Buffer.concat([...bad, Buffer.from('a\n'), ...bad]));
    expect(contents).toEqual(['a']);
    expect(state.counts).toEqual({ saved: 1, replayed: 0, duplicates: 0, failed: 4, blank: 6_000 });
    expect(state).toMatchObject({ lines: 6_005, nextNumber: 2 });
  });
});

test('lines that cannot be sent take no more memory than those that can', async () => {
  const taken = { lines: 0 };
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (; taken.lines < 100; taken.lines++) yield Buffer.from(`${'x'.repeat(409_601)}\n`);
  };
  const window = new LineWindow(importLines(chunks(), start()), 1, { maxLines: 2_000, maxBytes: 1_000_000 });
  // Until it reads no further.
  for (let before = -1; before < taken.lines || before === 0;) {
    before = taken.lines;
    await setImmediate();
  }
  expect(window.lines).toHaveLength(3);
  window.stop();
});

describe('a state', () => {
  test('is read as it was written, and nothing else is taken for one', async () => {
    const path = join(dir, 'state.json');
    expect(await readState(path)).toBe(null);
    await writeState(path, start());
    expect(await readState(path)).toEqual(start());
    for (const text of ['', '{}', 'null', '{"version":2}', '{"version":1,"offsetBytes":-1.5}']) {
      await writeFile(path, text);
      await expect(readState(path)).rejects.toThrow('is not the state of an import');
    }
  });

  test('goes on with the same file, service and form only', () => {
    const file = { sizeBytes: 1, modifiedMs: 2, headSha256: 'x' };
    const given = { url: 'http://items', mode: 'json-lines' as const, file };
    const state = newState({ ...given, idempotencyKey: 'k' });
    expect(obstacle(state, given)).toBe(null);
    expect(obstacle(state, { ...given, file: { ...file, sizeBytes: 2 } })).toMatch(/changed/);
    expect(obstacle(state, { ...given, url: 'http://other' })).toMatch(/http:\/\/items/);
    expect(obstacle(state, { ...given, mode: 'raw-lines' })).toMatch(/json-lines/);
  });
});

test('the progress says how far, how fast and how long', () => {
  const state = newState({
    url: '',
    mode: 'json-lines',
    idempotencyKey: 'k',
    file: { sizeBytes: 2_000_000_000, modifiedMs: 0, headSha256: '' },
  });
  state.offsetBytes = 500_000_000;
  state.counts = { saved: 1_234_567, replayed: 0, duplicates: 12, failed: 1, blank: 0 };
  const samples = [
    { atMs: 0, lines: 0, bytes: 400_000_000 },
    { atMs: 5_000, lines: 250_000, bytes: 500_000_000 },
  ];
  expect(progressLine(state, samples)).toBe(
    '[#####---------------] 25% of 2.0 GB  1:15 left  50,000/s  saved 1,234,567  duplicates 12  failed 1',
  );
  const text = '25% of 2.0 GB  1:15 left  50,000/s  saved 1,234,567  duplicates 12  failed 1';
  expect(progressLine(state, samples, 90)).toBe(`[##---------] ${text}`);
  expect(progressLine(state, samples, 79)).toBe(text);
  expect(progressLine({ ...state, file: null }, [])).toMatch(/^500\.0 MB {2}0\/s/);
  expect(countsText({ ...state.counts, replayed: 3 })).toContain('replayed 3');
});
