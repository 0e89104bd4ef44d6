// The direction of imports: main → runtime → app → http → items ← redis ← runtime, and no way back.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findViolations, type Sources } from '../support/layering.ts';

const SRC = join(import.meta.dirname, '../../src');
const sources: Sources = Object.fromEntries(
  globSync('**/*.ts', { cwd: SRC }).map((path) => [path.replaceAll('\\', '/'), readFileSync(join(SRC, path), 'utf8')]),
);

test('all files are read', () => {
  expect(Object.keys(sources)).toEqual(
    expect.arrayContaining(['main.ts', 'runtime.ts', 'app.ts', 'items/item.ts', 'http/problems.ts', 'redis/store.ts']),
  );
});

test('no import goes the wrong way', () => {
  expect(findViolations(sources)).toEqual([]);
});

test('the domain needs nothing but Node, zod and canonicalize', () => {
  const domain = Object.fromEntries(Object.entries(sources).filter(([path]) => path.startsWith('items/')));
  expect(findViolations(domain)).toEqual([]);
});

test('what judges the service from outside knows nothing of its code', () => {
  const chaos = join(import.meta.dirname, '../../chaos');
  const knowing = globSync('**/*.ts', { cwd: chaos }).filter((path) =>
    /from '[./]+\/src\//.test(readFileSync(join(chaos, path), 'utf8')),
  );
  // It is an instance of the service, with a check taken out.
  expect(knowing).toEqual(['instance.ts']);
});

test('the client knows nothing of the service, and but for its command line nothing of Node', () => {
  const client = join(import.meta.dirname, '../../client');
  const imports = globSync('**/*.ts', { cwd: client }).flatMap((path) =>
    [...readFileSync(join(client, path), 'utf8').matchAll(/from '([^']+)'/g)].map(([, name = '']) => ({ path, name })),
  );
  expect(imports.length).toBeGreaterThan(10);
  const ours = /^\.\/[a-z-]+\.ts$/;
  const oursOrNode = /^(\.\.?\/[a-z-]+\.ts|node:.*)$/;
  const foreign = imports.filter(({ path, name }) => !(path.startsWith('cli') ? oursOrNode : ours).test(name));
  expect(foreign).toEqual([]);
});

describe('the checker finds', () => {
  test.each<[string, string, string, RegExp]>([
    ['http knowing redis', 'http/bad.ts', "import { connect } from '../redis/connect.ts';", /http may not know redis/],
    ['its types too', 'http/bad.ts', "import type { X } from '../redis/connect.ts';", /http may not know redis/],
    ['over several lines', 'http/bad.ts', "import {\n  connect,\n} from '../redis/connect.ts';", /may not know redis/],
    ['a re-export', 'http/bad.ts', "export { connect } from '../redis/connect.ts';", /may not know redis/],
    ['all of it', 'http/bad.ts', "export * from '../redis/connect.ts';", /may not know redis/],
    ['a side effect', 'http/bad.ts', "import '../redis/connect.ts';", /may not know redis/],
    ['a dynamic import', 'http/bad.ts', "const x = await import('../redis/connect.ts');", /may not know redis/],
    ['a computed one', 'http/bad.ts', 'const x = await import(name);', /a computed name/],
    [
      'the domain logging',
      'items/bad.ts',
      "import type { Logger } from '../observability/logger.ts';",
      /may not know obs/,
    ],
    ['the domain knowing http', 'items/bad.ts', "import { X } from '../http/limits.ts';", /items may not know http/],
    ['the domain using Fastify', 'items/bad.ts', "import fastify from 'fastify';", /may not use the package fastify/],
    ['ioredis outside redis', 'http/bad.ts', "import { Redis } from 'ioredis';", /may not use the package ioredis/],
    ['a part of a package', 'runtime.ts', "import X from 'redlock/dist/x.js';", /may not use the package redlock/],
    ['somebody knowing runtime', 'app.ts', "import { start } from './runtime.ts';", /app may not know runtime/],
    ['somebody knowing main', 'runtime.ts', "import './main.ts';", /runtime may not know main/],
    ['redis knowing http', 'redis/bad.ts', "import { X } from '../http/limits.ts';", /redis may not know http/],
    [
      'http knowing the settings',
      'http/bad.ts',
      "import type { Config } from '../config.ts';",
      /http may not know config/,
    ],
    ['the environment', 'redis/bad.ts', "const url = process.env['REDIS_URL'];", /only entry.ts may/],
    ['the environment by name', 'redis/bad.ts', "const { env } = process['env'];", /only entry.ts may/],
    ['an exit', 'runtime.ts', 'process.exit(1);', /only entry.ts may/],
    ['a folder without a rule', 'new/bad.ts', "import 'node:fs';", /no rule for new/],
    ['Node without node:', 'items/bad.ts', "import fs from 'fs';", /with node:/],
    ['a file that is not there', 'items/bad.ts', "import './gone.ts';", /no such file/],
    ['a file outside src', 'app.ts', "import x from '../package.json';", /package.json/],
  ])('%s', (_name, path, text, expected) => {
    const bad = { ...sources, [path]: `${sources[path] ?? ''}\n${text}\n` };
    const violations = findViolations(bad);
    expect(violations.join('\n')).toMatch(expected);
    expect(violations.some((violation) => violation.startsWith(path))).toBe(true);
  });

  test('a cycle, and says which way it goes', () => {
    const cycle = {
      'items/a.ts': "import { b } from './b.ts';",
      'items/b.ts': "import { c } from './c.ts';",
      'items/c.ts': "import { a } from './a.ts';",
    };
    expect(findViolations(cycle)).toEqual(['cycle: items/a.ts → items/b.ts → items/c.ts → items/a.ts']);
    // Types are gone before anything runs.
    expect(findViolations({ ...cycle, 'items/c.ts': "import type { a } from './a.ts';" })).toEqual([]);
  });

  test('nothing in comments, strings and names', () => {
    const innocent =
      "// import '../redis/connect.ts';\n/* process.env */\nconst url = 'https://process.example/env';\n";
    expect(findViolations({ 'items/a.ts': innocent })).toEqual([]);
  });
});
