// The rules of Prometheus as Prometheus itself reads them, and their own tests: what fires when, and what else does not.
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findPromtool } from '../support/promtool.ts';

const promtool = findPromtool();
if (promtool === null)
  console.warn('tests of alert rules are skipped: no Docker engine answers, and there is no promtool');
else console.info(`alert rules are tested with ${promtool.from}`);

const FOLDER = fileURLToPath(new URL('../../ops/prometheus', import.meta.url));
const TESTS = globSync('tests/*.yml', { cwd: FOLDER }).toSorted();

describe.skipIf(promtool === null)('alert rules (need a Docker engine or promtool)', () => {
  test('the configuration and every rule file are valid', async () => {
    const { ok, output } = await promtool!.check('check', 'config', 'prometheus.yml');
    expect(ok, output).toBe(true);
    for (const file of globSync('rules/*.yml', { cwd: FOLDER })) expect(output).toContain(file);
  });

  test.each(TESTS)('%s passes', async (file) => {
    const { ok, output } = await promtool!.check('test', 'rules', file);
    expect(ok, output).toBe(true);
  });
});
