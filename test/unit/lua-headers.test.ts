// The header of each Lua script is its contract: it must name what the script really uses.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const DIRECTORY = new URL('../../src/redis/', import.meta.url);
const scripts = readdirSync(DIRECTORY).filter((name) => name.endsWith('.lua'));

/** The numbered names of a header, one list for each paragraph that begins with 1. */
function numberedLists(header: string): string[][] {
  const lists: string[][] = [];
  for (const [, number, name = ''] of header.matchAll(/^--\s+(\d+) (\w+)/gm)) {
    if (number === '1') lists.push([]);
    lists.at(-1)?.push(name);
  }
  return lists;
}

/** One value in a format of struct: a text behind its length, bytes of a number, or a number. */
const VALUE = /(?:B|I4)c0|c[1-9]\d*|B|I4/g;

/** A script without the line that tells Redis how to run it, divided. */
function read(name: string): { readonly header: string; readonly body: string } {
  const source = readFileSync(new URL(name, DIRECTORY), 'utf8').replace(/^#!.*\n/, '');
  const header = source.slice(0, source.search(/^[^-\n]/m));
  return { header, body: source.slice(header.length) };
}

const taken = (list: string, names: readonly string[]) => names.map((_, i) => `${list}[${i + 1}]`).join(', ');

test('there are scripts to check', () => {
  expect(scripts).toEqual([
    'acquire-locks.lua',
    'add-counts.lua',
    'erase-item.lua',
    'feed-tail.lua',
    'release-locks.lua',
    'save-items.lua',
  ]);
});

test('save-items.lua', () => {
  const { header, body } = read('save-items.lua');
  const [before = [], keys = [], args = [], perContent = [], perClaim = []] = numberedLists(header);
  expect(before).toEqual(['records']);
  // Taken from KEYS and ARGV in the order in which the header lists them, and as many of them.
  expect(body).toContain(`local RECORDS, KEYS_EACH = KEYS[1], ${keys.length}\n`);
  expect(body).toContain('local k = 1 + partition * KEYS_EACH\n');
  expect(body).toContain(`local ${keys.join(', ')} = `);
  expect([...body.matchAll(/KEYS\[k \+ (\d+)\]/g)].map(([, n]) => Number(n))).toEqual(keys.map((_, i) => i + 1));
  expect(body).toContain(`local ${args.join(', ')} = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1'\n`);
  expect(body).toContain(`${perContent.join(', ')}, at = struct.unpack(CONTENT, batch, at)`);
  expect(body).toContain(`${perClaim.join(', ')}, at = struct.unpack(CLAIM, batch, at)`);
  const values = (format: string) => new RegExp(`^local ${format} = '>(.*)'$`, 'm').exec(body)?.[1]?.match(VALUE);
  expect(values('CONTENT')).toHaveLength(perContent.length);
  expect(values('CLAIM')).toHaveLength(perClaim.length);
  const replies = new Set([...body.matchAll(/return \{ '(\w+)'/g)].map(([, reply]) => reply));
  const documented = new Set([...header.matchAll(/^--\s+\{'(\w+)'/gm)].map(([, reply]) => reply));
  expect(replies).toEqual(documented);
});

test.each(['add-counts.lua', 'erase-item.lua'])('%s takes what its header says', (script) => {
  const { header, body } = read(script);
  const [keys = [], args = []] = numberedLists(header);
  expect(body).toContain(`local ${keys.join(', ')} = ${taken('KEYS', keys)}\n`);
  expect(body).toContain(`local ${args.join(', ')} = ${taken('ARGV', args)}\n`);
});

test('erase-item.lua', () => {
  const { header, body } = read('erase-item.lua');
  const replies = new Set([...body.matchAll(/return '(\w+)'/g)].map(([, reply]) => reply));
  const documented = new Set([...header.matchAll(/^--\s+'(\w+)'/gm)].map(([, reply]) => reply));
  expect(replies).toEqual(documented);
});

test('feed-tail.lua', () => {
  const { header, body } = read('feed-tail.lua');
  const [before = [], each = []] = numberedLists(header);
  expect(before).toEqual(['mark']);
  expect(body).toContain(`local KEYS_BEFORE, KEYS_EACH = ${before.length}, ${each.length}\n`);
  expect(body).toContain(`local ${each.join(', ')} = ${each.map((_, i) => `KEYS[k + ${i + 1}]`).join(', ')}\n`);
  expect(body).not.toContain('ARGV');
});

test.each(['acquire-locks.lua', 'release-locks.lua'])('of the locks: %s', (name) => {
  const { header, body } = read(name);
  const [args = []] = numberedLists(header);
  expect(body).toContain(`local ${args.join(', ')} = ${taken('ARGV', args)}\n`);
  // Redlock takes any other answer for a lock that it did not get, or has lost.
  expect(body).toMatch(/return #(names|mine)\n$/);
});
