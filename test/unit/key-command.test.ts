// `npm run key`: what it says, and what it leaves in the file.
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeyUsageError, runKeyCommand } from '../../src/access/key-command.ts';
import { KeyFileError } from '../../src/access/key-file.ts';
import { readKeyFile } from '../../src/access/key-source.ts';
import { Keyring } from '../../src/access/keyring.ts';

const NOW = new Date();
let dir = '';
let path = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'items-keys-'));
  path = join(dir, 'keys.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

const run = (...args: string[]): string => runKeyCommand([...args, '--file', path], NOW);

function create(...args: string[]): { key: string; id: string } {
  const [key = ''] = run('create', '--client', 'acme', ...args).split('\n', 1);
  return { key, id: key.slice(6, 18) };
}

test('a key that was created lets in, is listed without its secret, and is gone once revoked', () => {
  const { key, id } = create('--expires-days', '90');
  const keyring = new Keyring(readKeyFile(path));
  expect(keyring.callerOf(`Bearer ${key}`, NOW.getTime())).toMatchObject({ client: 'acme', keyId: id });
  expect(run('list')).toMatch(new RegExp(`^${id}  acme  items:write items:read  created .* expires `));
  expect(run('list')).not.toContain(key);
  expect(readFileSync(path, 'utf8')).not.toContain(key.slice(19));
  expect(run('revoke', id)).toContain('revoked');
  expect(run('list')).toBe('There are no keys.');
  expect(() => run('revoke', id)).toThrow(KeyFileError);
});

test('a new file can be read by the user of the service, and one that is there keeps its mode', () => {
  create();
  expect(statSync(path).mode & 0o777).toBe(0o644);
  chmodSync(path, 0o640);
  create();
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect(readdirSync(dir)).toEqual(['keys.json']);
});

test('a file that cannot be used is left as it is', () => {
  writeFileSync(path, '{"version":1');
  expect(() => create()).toThrow(KeyFileError);
  expect(readFileSync(path, 'utf8')).toBe('{"version":1');
  expect(readdirSync(dir)).toEqual(['keys.json']);
});

test('nothing is changed while somebody else changes it', () => {
  create();
  const before = readFileSync(path, 'utf8');
  writeFileSync(`${path}.next`, '');
  expect(() => create()).toThrow(/somebody is changing it/);
  expect(readFileSync(path, 'utf8')).toBe(before);
  expect(readdirSync(dir).toSorted()).toEqual(['keys.json', 'keys.json.next']);
});

test.each([
  [[]],
  [['create']],
  [['create', 'acme']],
  [['create', '--client', 'acme', '--scopes', 'items:all']],
  [['create', '--client', 'acme', '--expires-days', '0']],
  [['create', '--client', 'acme', '--expires-days', '1.5']],
  [['revoke']],
  [['list', 'all']],
  [['show']],
  [['list', '--verbose']],
])('%j is not understood', (args) => {
  expect(() => run(...args)).toThrow(KeyUsageError);
});
