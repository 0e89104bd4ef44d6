// The header of each Lua script is its contract: it must name what the script really uses.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const DIRECTORY = new URL('../../src/redis/', import.meta.url);
const scripts = readdirSync(DIRECTORY).filter((name) => name.endsWith('.lua'));

/** Reads the numbered names under `KEYS` or `ARGV` that stand behind "each content" in a header. */
function listed(header: string, title: string): string[] {
  const section = header.split(new RegExp(`^-- ${title}`, 'm'))[1]?.split(/^--$/m)[0] ?? '';
  const perItem = title === 'ARGV:' ? section.slice(section.indexOf('for each')) : section;
  return [...perItem.matchAll(/^--\s+(\d+) (\w+)/gm)].map(([, , name]) => name ?? '');
}

test('there are scripts to check', () => {
  expect(scripts).toContain('save-items.lua');
});

test.each(scripts)('%s', (name) => {
  const source = readFileSync(new URL(name, DIRECTORY), 'utf8');
  const header = source.slice(0, source.search(/^[^-\n]/m));
  const body = source.slice(header.length);
  const keys = listed(header, 'KEYS,');
  const args = listed(header, 'ARGV:');
  const [, keysEach, argsEach] = /KEYS_EACH, ARGS_EACH, HEAD = (\d+), (\d+), \d+/.exec(body) ?? [];
  // The record keys stand behind the keys of all contents, so they are not counted among those of each.
  expect(keys).toEqual(['lock', 'index', 'items', 'counts', 'record']);
  expect(Number(keysEach)).toBe(keys.length - 1);
  expect(Number(argsEach)).toBe(args.length);
  expect(Math.max(...[...body.matchAll(/KEYS\[k \+ (\d+)\]/g)].map(([, n]) => Number(n)))).toBe(keys.length - 1);
  expect(Math.max(...[...body.matchAll(/ARGV\[a \+ (\d+)\]/g)].map(([, n]) => Number(n)))).toBe(args.length);
  for (const word of [...keys, ...args]) expect(body).toContain(word);
  const replies = new Set([...body.matchAll(/, \{ '(\w+)'/g)].map(([, reply]) => reply));
  const documented = new Set([...header.matchAll(/^--\s+\{'(\w+)'/gm)].map(([, reply]) => reply));
  expect(replies).toEqual(documented);
});
