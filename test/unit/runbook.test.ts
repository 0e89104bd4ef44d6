// The runbook against what it is about: a second set beside the first one needs everything that they could fight over.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { settingsSchema } from '../../src/config.ts';

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8');

const RUNBOOK = read('docs/runbook.md');
const COMPOSE = read('docker-compose.yml');

/** What has to differ between two sets on one host: name, ports and network, with the defaults of the compose file. */
const SHARED = new Map(
  [...COMPOSE.matchAll(/\$\{(\w*PORT|DATA_NETWORK):-([^}]+)\}/g)].map(([, name = '', value = '']) => [name, value]),
);

const blocks = [...RUNBOOK.matchAll(/^cat >(\w+\.env) <<'END'\n([\s\S]*?)^END\n([\s\S]*?)^```$/gm)].map(
  ([, file = '', lines = '', commands = '']) => ({ file, lines, commands }),
);

test('the compose file has ports and a network that two sets would fight over', () => {
  expect([...SHARED.keys()].toSorted()).toEqual([
    'ALERTMANAGER_PORT',
    'DATA_NETWORK',
    'PORT',
    'PROMETHEUS_PORT',
    'STATUS_PORT',
  ]);
});

test.each(blocks)('$file gives a second set all that is its own, in a file and in no shell', ({ file, lines }) => {
  const settings = new Map(
    lines
      .trimEnd()
      .split('\n')
      .map((line) => line.split('=') as [string, string]),
  );
  expect(settings.get('COMPOSE_PROJECT_NAME')).toMatch(/^\w+$/);
  for (const [name, byDefault] of SHARED) {
    expect(settings.get(name), `${name} in ${file}`).toBeDefined();
    expect(settings.get(name), `${name} in ${file}`).not.toBe(byDefault);
  }
  expect(new Set(settings.values()).size).toBe(settings.size);
});

test('no command exports or sets what a set is known by: the next one, for another set, would take it over', () => {
  expect(blocks.map(({ file }) => file)).toEqual(['restored.env', 'moved.env']);
  const commands = [...RUNBOOK.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, text = '']) => text.split('\n'));
  expect(commands.filter((line) => /^(export )?(COMPOSE_PROJECT_NAME|DATA_NETWORK)=.* /.test(line))).toEqual([]);
  for (const { file, commands: own } of blocks) {
    const ofCompose = own.split('\n').filter((line) => line.startsWith('docker compose'));
    expect(ofCompose.length).toBeGreaterThan(0);
    expect(ofCompose.filter((line) => !line.startsWith(`docker compose --env-file ${file} `))).toEqual([]);
  }
});

test('every setting that a page tells to set in .env reaches the instances', () => {
  const told = new Set([...RUNBOOK.matchAll(/\bset `(\w+)(?:=[^`]*)?`/gi)].map(([, name = '']) => name));
  const ofInstances = [...told].filter((name) => name in settingsSchema.shape && !SHARED.has(name));
  expect(ofInstances.length).toBeGreaterThan(0);
  expect(ofInstances.filter((name) => !COMPOSE.includes(`\n      ${name}: \${${name}:-}\n`))).toEqual([]);
});
