// Moving a store to other PARTITIONS and INDEX_BUCKETS: by export and import, as docs/runbook.md says, in two rounds.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ItemsClient } from '../../client/items-client.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import { items } from '../support/items-command.ts';
import { digestOf } from '../support/ops-script.ts';

const OTHER = { PARTITIONS: '4', INDEX_BUCKETS: '64' };
const AWKWARD = [
  'two\nlines',
  ' spaces ',
  '{"content":"in quotes"}',
  '\u0000',
  '\u00e9',
  'e\u0301',
  { b: [1, 'x'], 2: null },
  ['{}'],
];

let dir: string;
let from: Stack;
let to: Stack;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-settings-'));
  from = await startStack({ dir: join(dir, 'from'), instances: 1 });
  to = await startStack({ dir: join(dir, 'to'), instances: 1, env: OTHER });
});
afterAll(async () => {
  await Promise.all([from.stop(), to.stop()]);
  await rm(dir, { recursive: true, force: true });
});

async function save(stack: Stack, contents: readonly unknown[]): Promise<void> {
  for await (const { kind } of new ItemsClient({ baseUrl: stack.url }).saveStream(contents as string[])) {
    expect(kind).toBe('saved');
  }
}

/** Export, then import: what "saved", "duplicates" and "failed" come to. */
async function move(): Promise<unknown> {
  const file = join(dir, 'items.ndjson');
  expect(await items(from.url, 'export', '--content-only', '--out', file)).toMatchObject({ code: 0 });
  const { code, stdout, stderr } = await items(to.url, 'import', file, '--restart', '--json');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout);
}

async function exported(stack: Stack, ...flags: string[]): Promise<string[]> {
  const { code, stdout } = await items(stack.url, 'export', ...flags);
  expect(code).toBe(0);
  return stdout.trimEnd().split('\n').toSorted();
}

test('every content arrives once under the other settings, under a new id, and a second round brings what is new', async () => {
  await save(from, [...AWKWARD, ...Array.from({ length: 3_000 }, (_, n) => `first ${n}`)]);
  const first = AWKWARD.length + 3_000;
  expect(await move()).toMatchObject({ finished: true, saved: first, duplicates: 0, failed: 0 });
  await save(
    from,
    Array.from({ length: 500 }, (_, n) => ({ second: n })),
  );
  expect(await move()).toMatchObject({ finished: true, saved: 500, duplicates: first, failed: 0 });

  expect(await exported(to, '--content-only')).toEqual(await exported(from, '--content-only'));
  const ids = async (stack: Stack) => (await exported(stack)).map((line) => (JSON.parse(line) as { id: string }).id);
  expect(new Set(await ids(to)).intersection(new Set(await ids(from)))).toEqual(new Set());
  // Log and index agree at the new places, too; the digests of two settings cannot be compared.
  const digest = await digestOf(to.redis, await to.redis.masterNode());
  expect(digest).toMatch(/^partitions 4 buckets 64\n/);
  expect(digest).toContain(`total ${first + 500}\n`);
});

test('an instance with other settings than the data has refuses to start, and says which', async () => {
  const dirOfFrom = join(dir, 'from');
  await from.stop();
  await expect(startStack({ dir: dirOfFrom, instances: 1, env: OTHER })).rejects.toMatchObject({
    logLines: expect.arrayContaining([expect.stringContaining('partitions is 16, this process has 4')]),
  });
  from = await startStack({ dir: dirOfFrom, instances: 1 });
  expect(await exported(from)).toHaveLength(AWKWARD.length + 3_500);
});
