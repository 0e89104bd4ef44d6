// Changes of the file of API keys: each is noticed, whenever it comes.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runKeyCommand } from '../../src/access/key-command.ts';
import { readKeyFile, versionOf, watchKeyFile } from '../../src/access/key-source.ts';

let dir: string;
let path: string;
let stop = () => {};
let seen: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'items-keys-'));
  path = join(dir, 'keys.json');
  seen = [];
});
afterEach(() => {
  stop();
  rmSync(dir, { recursive: true });
});

const key = (...args: string[]): string => runKeyCommand([...args, '--file', path], new Date());
const watch = (since: string): void => {
  const observer = {
    loaded: (keys: number) => seen.push(`${keys} keys`),
    refused: (reason: string) => seen.push(reason),
  };
  stop = watchKeyFile(path, since, () => {}, observer, 5);
};
/** In one step, as it should be: else an empty file could be seen before. */
function put(text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
const eventually = { interval: 10, timeout: 20_000 };

test('a key that is revoked as the file is read, before it is watched, is noticed', async () => {
  const id = key('create', '--client', 'acme').slice(6, 18);
  const since = versionOf(path);
  expect(readKeyFile(path).keys).toHaveLength(1);
  key('revoke', id);
  watch(since);
  await expect.poll(() => seen, eventually).toEqual(['0 keys']);
});

test('each change is told once: another file in its place, one that cannot be used, none, and one again', async () => {
  key('create', '--client', 'acme');
  watch(versionOf(path));
  key('create', '--client', 'globex');
  await expect.poll(() => seen, eventually).toEqual(['2 keys']);
  put('{');
  await expect.poll(() => seen.length, eventually).toBe(2);
  expect(seen[1]).toContain('JSON');
  rmSync(path);
  await expect.poll(() => seen[2], eventually).toBe('it cannot be read: ENOENT');
  put('{"version":1,"keys":[]}');
  await expect.poll(() => seen[3], eventually).toBe('0 keys');
  expect(seen).toHaveLength(4);
});
