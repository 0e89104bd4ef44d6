// A file of 100,000 lines with duplicates goes through the whole system, while the import is killed again and again.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readState } from '../../client/cli/import-state.ts';
import { ItemsClient } from '../../client/items-client.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import { waitFor } from '../../stack/wait.ts';
import { startItems } from '../support/items-command.ts';
import { listAll } from '../support/list-all.ts';

const LINES = 100_000;
const DIFFERENT = 80_000;
/** Lines that are no items, one in a thousand. */
const isBad = (n: number): boolean => n % 1_000 === 500;
const BAD = LINES / 1_000;

let dir: string;
let path: string;
let stack: Stack;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-import-'));
  path = join(dir, 'dump.ndjson');
  const lines = Array.from({ length: LINES }, (_, n) =>
    isBad(n) ? `{"contents":${n}}` : JSON.stringify({ content: `line ${n % DIFFERENT}` }),
  );
  await writeFile(path, `${lines.join('\n')}\n`);
  stack = await startStack({ dir: join(dir, 'stack'), instances: 2, downAfterMs: 1_000 });
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Lines that have a result according to the file that the next call goes on from. */
async function linesDone(): Promise<number> {
  return (await readState(`${path}.items-import.json`))?.lines ?? 0;
}

test('an import that is killed, and loses an instance and the master, ends with the totals of one that was not', async () => {
  for (const share of [0.2, 0.5]) {
    const { process: command, ended } = startItems(stack.url, ['import', path, '--quiet']);
    await waitFor(async () => (await linesDone()) > LINES * share, { timeoutMs: 120_000, what: `${share} imported` });
    command.kill('SIGKILL');
    expect(await ended).toMatchObject({ signal: 'SIGKILL' });
    expect(await linesDone()).toBeLessThan(LINES);
  }
  const { ended } = startItems(stack.url, ['import', path, '--json']);
  await waitFor(async () => (await linesDone()) > LINES * 0.6, { timeoutMs: 120_000, what: '0.6 imported' });
  const [first] = stack.instances;
  const master = await stack.redis.masterNode();
  await Promise.all([first?.kill(), master.kill()]);
  await Promise.all([first?.start(), master.start()]);
  const { code, stdout, stderr } = await ended;
  expect({ code, stderr }).toMatchObject({ code: 1 });
  const { saved, replayed, ...totals } = JSON.parse(stdout) as Record<string, number>;
  const bad = Array.from({ length: DIFFERENT }, (_, n) => n).filter(isBad);
  // A content whose first line is bad is bad in its second one too: 80,000 is a multiple of 1,000.
  const stored = DIFFERENT - bad.length;
  expect((saved ?? 0) + (replayed ?? 0)).toBe(stored);
  expect(totals).toMatchObject({ finished: true, lines: LINES, duplicates: LINES - BAD - stored, failed: BAD });
  // The runs before had not told of all that they saved.
  expect(replayed).toBeGreaterThan(0);

  const items = await listAll(stack.url);
  expect(items.length).toBe(stored);
  expect(new Set(items.map(({ content }) => content)).size).toBe(stored);
});

test('the client follows what is saved, finds it and erases it', async () => {
  const client = new ItemsClient({ baseUrl: stack.url });
  const saved = await client.post({ b: 1, a: ['x'] });
  expect(saved.kind).toBe('saved');
  expect(await client.post({ a: ['x'], b: 1.0 })).toEqual({ kind: 'duplicate', item: saved.item });
  expect(await client.lookup({ a: ['x'], b: 1 })).toMatchObject({ item: saved.item, canonical: '{"a":["x"],"b":1}' });

  const feed = client.feed({ after: 'latest' });
  const next = feed.next();
  // Until the feed stands, what is saved is not new to it.
  let n = 0;
  const entry = await waitFor(
    async () => {
      await client.post(`for the feed ${n++}`);
      return await Promise.race([next, new Promise<null>((resolve) => setTimeout(() => resolve(null), 100))]);
    },
    { timeoutMs: 30_000, what: 'an item of the feed' },
  );
  expect(entry.value).toMatchObject({ item: { content: expect.stringMatching(/^for the feed/) as string } });
  await feed.return(undefined as never);

  expect(await client.delete(saved.item.id)).toBe(true);
  expect(await client.get(saved.item.id)).toBe(null);
  expect(await client.lookup({ a: ['x'], b: 1 })).toMatchObject({ item: null, kind: 'json' });
  expect(await client.stats()).toMatchObject({ deleted: 1 });
});
