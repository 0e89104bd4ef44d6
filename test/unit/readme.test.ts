// What the README says about settings and commands is what there is.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { settingsSchema } from '../../src/config.ts';
import { settingsTable } from '../support/settings-table.ts';

const ROOT = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', ROOT), 'utf8');

test('its table of settings is the one that the schema makes', () => {
  expect(readme).toContain(settingsTable());
});

test('every setting says what it is', () => {
  for (const [name, schema] of Object.entries(settingsSchema.shape)) expect(schema.description, name).toMatch(/\.$|…$/);
});

test('every npm script that it names exists', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { scripts: object };
  const named = [...readme.matchAll(/npm (?:run )?([a-z:]+)/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(3);
  for (const name of named) expect(['ci', ...Object.keys(scripts)]).toContain(name);
});
