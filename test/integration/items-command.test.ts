// The items command as scripts and people use it: output, exit codes, signals, broken pipes.
import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { items, startItems } from '../support/items-command.ts';
import { ScriptedService } from '../support/scripted-service.ts';

let dir: string;
let service: ScriptedService;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-command-'));
  service = await ScriptedService.start();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** A regular expression by itself would match anything here. */
const matching = (pattern: RegExp): string => expect.stringMatching(pattern) as string;

async function fileOf(name: string, lines: readonly string[]): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, lines.map((line) => `${line}\n`).join(''));
  return path;
}

const contents = (count: number, of: string): string[] =>
  Array.from({ length: count }, (_, n) => JSON.stringify({ content: `${of} ${n}` }));

describe('help and mistakes', () => {
  test('--help', async () => {
    expect(await items(service.url, '--help')).toMatchObject({ code: 0, stdout: matching(/Exit codes: 0 done/) });
    expect(await items(service.url, 'import', '--help')).toMatchObject({ code: 0, stdout: matching(/--raw-lines/) });
  });

  test.each<[string, string[], number, RegExp]>([
    ['no command', [], 2, /^$/],
    ['an unknown command', ['improt'], 2, /There is no command "improt"/],
    ['an unknown option', ['stats', '--fast'], 2, /--fast/],
    ['a deadline that is none', ['stats', '--deadline', '0'], 2, /--deadline must be/],
    ['an address that is none', ['stats', '--url', 'localhost'], 2, /not an http URL/],
    ['nothing to import', ['import'], 2, /FILE must be given/],
    ['a file that is not there', ['import', '/nowhere/x'], 1, /ENOENT/],
    ['two contents', ['post', 'a', '--json-content', '{}'], 2, /Give one of/],
    ['JSON that is none', ['find', '--json-content', '{} , 1'], 2, /is not JSON/],
    ['erasing without --yes', ['delete', '1-1-1'], 2, /say --yes/],
    ['resuming standard input', ['import', '-', '--state', 'x'], 2, /cannot be resumed/],
    ['an argument too many', ['tail', 'x'], 2, /takes no arguments/],
    ['no such item', ['get', '1-1-1'], 4, /no item 1-1-1/],
    ['nobody there', ['stats', '--url', 'http://127.0.0.1:9999', '--deadline', '1'], 3, /no answer/],
  ])('%s', async (_name, args, expected, message) => {
    const { code, stderr } = await items(service.url, ...args);
    expect({ code, stderr }).toEqual({ code: expected, stderr: matching(message) });
  });

  test('a refusal is 5, an outage 3', async () => {
    service.faults.push({ status: 422 });
    expect(await items(service.url, 'post', 'x')).toMatchObject({ code: 5, stderr: matching(/scripted-422/) });
    service.faults.push({ status: 503, headers: { 'retry-after': '60' } });
    expect(await items(service.url, 'stats', '--deadline', '1')).toMatchObject({
      code: 3,
      stderr: matching(/scripted-503/),
    });
  });
});

test('post, find, get, delete and stats', async () => {
  const { stdout } = await items(service.url, 'post', 'one content', '--json');
  const { outcome, item } = JSON.parse(stdout) as { outcome: string; item: { id: string } };
  expect(outcome).toBe('saved');
  expect(await items(service.url, 'post', 'one content')).toMatchObject({ code: 0, stderr: 'duplicate\n' });
  expect(await items(service.url, 'find', 'one content')).toMatchObject({
    code: 0,
    stdout: `${JSON.stringify(item)}\n`,
  });
  expect(await items(service.url, 'get', item.id)).toMatchObject({ code: 0, stdout: `${JSON.stringify(item)}\n` });
  expect(await items(service.url, 'delete', item.id, '--yes')).toMatchObject({ code: 0 });
  expect(await items(service.url, 'find', 'one content')).toMatchObject({
    code: 4,
    stderr: matching(/"one content"[^]*SHA-256/),
  });
  expect(await items(service.url, 'stats')).toMatchObject({ code: 0, stdout: matching(/^saved\s+\d+\n/) });
});

describe('import', () => {
  test('counts, names what failed, and begins anew when it had finished', async () => {
    const path = await fileOf('small.ndjson', [...contents(3, 'small'), 'nope', ...contents(1, 'small')]);
    const first = await items(service.url, 'import', path, '--json');
    expect(first.code).toBe(1);
    expect(JSON.parse(first.stdout)).toMatchObject({ finished: true, lines: 5, saved: 3, duplicates: 1, failed: 1 });
    expect(await readFile(`${path}.failed.ndjson`, 'utf8')).toMatch(/^\{"line":4,"code":"malformed-json".*"nope"\}\n$/);
    const again = await items(service.url, 'import', path);
    expect(again.stderr).toMatch(/importing it again[^]*Done behind line 5: saved 0 {2}duplicates 4 {2}failed 1/);
    expect(await items(service.url, 'import', path, '--quiet')).toMatchObject({ stdout: '', stderr: '' });
  });

  test.each(['--state', '--failed'])('never writes %s over the file itself', async (option) => {
    const path = await fileOf('own.ndjson', contents(1, 'own'));
    const { code, stderr } = await items(service.url, 'import', path, option, path, '--restart');
    expect({ code, stderr }).toEqual({ code: 2, stderr: matching(/three files/) });
    expect(await readFile(path, 'utf8')).toBe('{"content":"own 0"}\n');
  });

  test('from standard input', async () => {
    const { ended } = startItems(service.url, ['import', '-', '--raw-lines', '--json'], 'raw 1\r\nraw 2\nraw 1');
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ saved: 2, duplicates: 1, failed: 0, finished: true });
  });

  test('does not care whether somebody reads what it says', async () => {
    const path = await fileOf('unread.ndjson', contents(100, 'unread'));
    service.faults.push({ cutAt: 10 }, { cutAt: 10 });
    const running = startItems(service.url, ['import', path, '--json']);
    running.process.stderr?.destroy();
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ finished: true, lines: 100 });
  });

  test('interrupted says so, and the same command goes on; not with another file', async () => {
    const path = await fileOf('long.ndjson', contents(3_000, 'long'));
    // The second request gets no answer, so the interruption is in the middle.
    service.faults.push({ cutAt: 1_000 }, { hangs: true });
    const before = service.requests.length;
    const running = startItems(service.url, ['import', path, '--json']);
    await expect.poll(() => service.requests.length, { timeout: 30_000 }).toBe(before + 2);
    running.process.kill('SIGINT');
    const stopped = await running.ended;
    expect(stopped.code).toBe(130);
    const { lines, finished } = JSON.parse(stopped.stdout) as { lines: number; finished: boolean };
    expect({ finished, isInTheMiddle: lines < 3_000 }).toEqual({ finished: false, isInTheMiddle: true });

    const changed = new Date(Date.now() - 60_000);
    const { atimeMs, mtimeMs } = await stat(path);
    await utimes(path, changed, changed);
    expect(await items(service.url, 'import', path)).toMatchObject({
      code: 2,
      stderr: matching(/the file has changed/),
    });
    await utimes(path, atimeMs / 1_000, mtimeMs / 1_000);

    const { code, stdout } = await items(service.url, 'import', path, '--json');
    const { saved, replayed, duplicates } = JSON.parse(stdout) as Record<string, number>;
    expect({ code, kept: (saved ?? 0) + (replayed ?? 0), duplicates }).toEqual({ code: 0, kept: 3_000, duplicates: 0 });
  });

  test('is refused while another one has the file, and goes on at once when that one was killed', async () => {
    const path = await fileOf('twice.ndjson', contents(10, 'twice'));
    service.faults.push({ hangs: true });
    const before = service.requests.length;
    const running = startItems(service.url, ['import', path]);
    await expect.poll(() => service.requests.length, { timeout: 30_000 }).toBe(before + 1);
    expect(await items(service.url, 'import', path)).toMatchObject({
      code: 2,
      stderr: matching(/^items: Process \d+ imports this file/),
    });
    running.process.kill('SIGKILL');
    await running.ended;
    const { code, stdout } = await items(service.url, 'import', path, '--json');
    expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({ code: 0, finished: true, lines: 10 });
    expect(await readdir(dir)).not.toContain('twice.ndjson.items-import.json.lock');
  });
});

describe('export', () => {
  test('gives what import takes, and goes on from a cursor', async () => {
    const path = join(dir, 'out.ndjson');
    expect(await items(service.url, 'export', '--content-only', '--out', path)).toMatchObject({ code: 0 });
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(service.stored.size);
    const back = await items(service.url, 'import', path, '--json');
    expect(JSON.parse(back.stdout)).toMatchObject({ saved: 0, duplicates: lines.length, failed: 0 });
    const { stdout } = await items(service.url, 'export', '--after', `${lines.length - 2}`);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  test('that finds the disk full says where to go on, and goes on there', async () => {
    const path = join(dir, 'full.ndjson');
    for (const line of contents(3_000, 'full')) service.save(line, line);
    // Of the second page a part fits.
    const { code, stderr } = await startItems(service.url, ['export', '--out', path], '', '-f 320').ended;
    expect({ code, stderr }).toEqual({ code: 1, stderr: matching(/Go on with: --after 1000\n/) });
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(1_001);
    expect(await items(service.url, 'export', '--out', path, '--after', '1000')).toMatchObject({ code: 0 });
    const ids = (await readFile(path, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id);
    expect(ids).toEqual([...service.stored.values()].map(({ item }) => item.id));
  });

  test('ends quietly when its reader has seen enough', async () => {
    const running = startItems(service.url, ['export']);
    running.process.stdout?.destroy();
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
  });
});

test('tail prints what comes until it is interrupted, and says where to go on', async () => {
  service.feed = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('id: c7\nevent: item\ndata: {"id":"7"}\n\n');
  };
  const running = startItems(service.url, ['tail', '--json']);
  const seen = new Promise<void>((resolve) => running.process.stdout?.once('data', () => resolve()));
  await seen;
  running.process.kill('SIGINT');
  expect(await running.ended).toEqual({
    code: 130,
    signal: null,
    stdout: '{"cursor":"c7","item":{"id":"7"}}\n',
    stderr: 'Go on with: --after c7\n',
  });
  expect(service.requests.at(-1)?.line).toBe('GET /v1/items/feed?after=latest');
});

describe('import of a file that changes meanwhile is not told as finished', () => {
  const LINES = 20_000;

  test.each<[string, (path: string) => Promise<void>]>([
    ['cut short', (path) => truncate(path, 300_000)],
    ['written anew', (path) => writeFile(path, `${contents(LINES, 'anew').join('\n')}\n`)],
    ['appended to', (path) => appendFile(path, '{"content":"more"}\n')],
  ])('%s', async (how, change) => {
    const path = await fileOf(`${how}.ndjson`, contents(LINES, how));
    service.faults.push({ hangs: true });
    const before = service.requests.length;
    const running = startItems(service.url, ['import', path, '--json']);
    // Until it is answered or cut off, no more than a window of lines is read.
    await expect.poll(() => service.requests.length, { timeout: 30_000 }).toBeGreaterThan(before);
    await change(path);
    service.cutAll();
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({ code: 2, stderr: matching(/changed while it was imported/) });
    expect(JSON.parse(stdout)).toMatchObject({ finished: false });
    expect(await items(service.url, 'import', path)).toMatchObject({ code: 2, stderr: matching(/--restart/) });
  });
});
