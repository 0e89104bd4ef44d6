// SECURITY.md names tests; each of them is there.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('SECURITY.md', root), 'utf8');
const named = [...new Set([...text.matchAll(/`([a-z0-9-]+\.test\.ts)`/g)].map(([, name]) => name ?? ''))];

test('names some', () => expect(named.length).toBeGreaterThan(15));

test.each(named)('%s', (name) => {
  const folders = ['unit', 'integration', 'cluster'].filter((kind) =>
    existsSync(new URL(`test/${kind}/${name}`, root)),
  );
  expect(folders).toHaveLength(1);
});
