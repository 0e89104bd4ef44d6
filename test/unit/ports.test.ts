// Ports of a stack: none that somebody else has, none that our own clients refuse.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Ports } from '../../stack/ports.ts';

/** Those above 1023 of https://fetch.spec.whatwg.org/#port-blocking */
const BLOCKED = [
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080,
];

function isRefusedByFetch(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}`).then(
    () => false,
    (error: Error) => (error.cause as Error).message === 'bad port',
  );
}

test('no block has a port that fetch refuses', async () => {
  expect(await Promise.all(BLOCKED.map(isRefusedByFetch))).toEqual(BLOCKED.map(() => true));
  const dir = mkdtempSync(join(tmpdir(), 'items-ports-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'ports.json');
  // The only block that has one of them begins at 10064.
  writeFileSync(file, JSON.stringify({ first: 10_064, ports: {} }));
  await using ports = await Ports.reserve(file);
  const taken = await Promise.all(Array.from({ length: 30 }, (_, i) => ports.get(`part-${i}`)));
  expect(taken).not.toContain(10_080);
});
