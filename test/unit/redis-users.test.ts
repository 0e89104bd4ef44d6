// The rights of the service's user are the keys that src/redis makes and the commands that its scripts send.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { contentKey } from '../../src/items/content.ts';
import * as keys from '../../src/redis/keys.ts';

const ROOT = join(import.meta.dirname, '../..');
const rules = readFileSync(join(ROOT, 'ops/redis/users.acl'), 'utf8').replaceAll(/^#.*$/gm, '');
const service = /^user service$([^]*?)^user /m.exec(rules)?.[1] ?? '';

const prefix = 'acme:';
const space = { prefix, partitions: 16, buckets: 4_096 };
const key = contentKey({ kind: 'string', text: 'any' });
const MADE = [
  keys.itemsKey(space, 15),
  keys.indexKey(space, 0, 4_095),
  keys.countsKey(space, 3),
  keys.lockKey(space, key),
  `${keys.recordKeyPrefix(space)}token`,
  keys.feedMarkKey(space),
  keys.metaKey(space),
];

/** The patterns in a text, as Redis reads them; only `*` is special in ours. */
const patternsOf = (text: string): RegExp[] =>
  [...text.matchAll(/~(\S+?)(?=[\s)])/g)].map(
    ([, glob = '']) =>
      new RegExp(`^${RegExp.escape(glob.replace('%PREFIX%', prefix)).replaceAll(String.raw`\*`, '.*')}$`),
  );

test('every key that the service makes is one that its user may touch, and nothing else is', () => {
  const functions = Object.keys(keys).filter((name) => /Key(Prefix)?$/.test(name));
  expect(MADE).toHaveLength(functions.length);
  const scripts = patternsOf(service.replaceAll(/\([^)]*\)/g, ''));
  const selectors = patternsOf((service.match(/\([^)]*\)/g) ?? []).join(' '));
  for (const patterns of [scripts, selectors]) {
    expect(patterns).toHaveLength(MADE.length);
    for (const name of MADE)
      expect(
        patterns.filter((pattern) => pattern.test(name)),
        name,
      ).toHaveLength(1);
    const foreign = ['', 'x', 'meta', 'items:{0}', 'acme', 'acme:', 'acme:other', 'acme:metadata', 'other:acme:meta'];
    for (const name of foreign)
      expect(
        patterns.filter((pattern) => pattern.test(name)),
        name,
      ).toEqual([]);
  }
});

test('every command in a script of ours is granted: whoever adds one grants it in ops/redis/users.acl', () => {
  const scripts = globSync('src/redis/*.lua', { cwd: ROOT }).map((path) => readFileSync(join(ROOT, path), 'utf8'));
  const sent = new Set(
    scripts.flatMap((text) => [...text.matchAll(/redis\.p?call\('(\w+)'/g)].map(([, name = '']) => name.toLowerCase())),
  );
  expect(sent.size).toBeGreaterThan(5);
  const granted = new Set([...service.matchAll(/\+([\w|]+)/g)].map(([, name]) => name));
  expect([...sent].filter((name) => !granted.has(name))).toEqual([]);
});

test('no user but Sentinel has a right to its channel, and nobody without a password comes in', () => {
  for (const file of ['users.acl', 'sentinel-users.acl']) {
    const text = readFileSync(join(ROOT, 'ops/redis', file), 'utf8').replaceAll(/^#.*$/gm, '');
    const users = [...text.matchAll(/^user (\w+)$([^]*?)(?=^user |(?![^]))/gm)];
    expect(users.map(([, name]) => name)).toEqual(
      expect.arrayContaining(['default', 'service', 'keeper', 'replication', 'sentinel', 'exporter', 'operator']),
    );
    for (const [, name = '', rights = ''] of users) {
      expect(rights, name).not.toMatch(/nopass|[<>#]/);
      // It is off, and its rights are those of the append-only file.
      if (name === 'default') continue;
      expect(rights, name).not.toMatch(/allchannels|&\*|&__s(?!entinel__:hello)/);
      expect(rights.includes('sentinel__'), name).toBe(name === 'sentinel');
    }
    expect(text).toMatch(/^user default\n +off$/m);
    expect(text.match(/^ +on\b/m)).toBeNull();
  }
});
