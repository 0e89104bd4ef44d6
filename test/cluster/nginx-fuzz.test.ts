// Bytes that nobody would send, through nginx to instances with real Redis: no answer is a 5xx, nothing ends, no heap grows.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../../stack/stack.ts';
import { waitFor } from '../../stack/wait.ts';
import { hostileBytes, SEEDS } from '../support/hostile-bytes.ts';
import { scrape, sumOf } from '../support/metrics-text.ts';

/** Connections in each of two rounds; a connection brings up to three requests and what is hidden behind them. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? '1000');
const AT_A_TIME = 30;
/** A server that waits for more says nothing, as one that is slow: what it says later is in the log of nginx. */
const SILENCE_MS = 100;
/** Between two rounds it was within 0.9 MB, either way; 5 KB that stayed behind of each request were 2.2 MB. */
const MAX_GROWTH_BYTES = 1_500_000;

const COLLECTING = fileURLToPath(new URL('../support/collecting-service.ts', import.meta.url));

let dir: string;
let stack: Stack;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-fuzz-'));
  stack = await startStack({ dir, instances: 2, main: COLLECTING, env: { LOG_LEVEL: 'error' } });
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

test('whatever is sent costs no 5xx, no process and no memory', async () => {
  const pids = stack.parts.map(({ name, pid }) => [name, pid]);
  // The first round fills what is filled once.
  await flood();
  // One look in five finds 3 MB less, for that look only: the most of some is what there is.
  const looks = [await heapBytes(), await heapBytes(), await heapBytes(), await heapBytes(), await heapBytes()];
  const before = stack.instances.map((_, i) => Math.max(...looks.map((bytes) => bytes[i] ?? 0)));
  await flood();
  await expect.poll(() => metric('item_saves_pending'), eventually).toEqual([0, 0]);

  const log = readFileSync(join(dir, 'logs', 'nginx.log'), 'utf8').split('\n');
  const statuses = log.filter((line) => line.startsWith('{')).map((line) => (JSON.parse(line) as Line).status);
  expect(statuses.filter((status) => status >= 500)).toEqual([]);
  // It was about more than the parser of nginx. Of a save whose client has left the log does not tell how it ended.
  for (const status of [200, 400, 404, 422]) expect(statuses, `some ${status}`).toContain(status);
  const stats = (await (await fetch(`${stack.url}/v1/stats`)).json()) as { saved: number; duplicates: number };
  expect(Math.min(stats.saved, stats.duplicates)).toBeGreaterThan(0);
  expect(log.filter((line) => /\[(crit|alert|emerg)\]|exited on signal/.test(line))).toEqual([]);
  expect(stack.parts.map(({ name, pid }) => [name, pid])).toEqual(pids);
  for (const { name } of stack.instances) expect(readFileSync(join(dir, 'logs', `${name}.log`), 'utf8')).toBe('');
  // An instance may still be at work for somebody who has left; what it does not give back then is left for good.
  const growth = async () => Math.max(...(await heapBytes()).map((bytes, i) => bytes - (before[i] ?? 0)));
  await expect.poll(growth, eventually).toBeLessThan(MAX_GROWTH_BYTES);
});

type Line = { readonly status: number };

/** Sends these bytes over a connection of their own, and leaves when nothing more is said. */
function send(raw: string): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: stack.nginx.port });
  socket.write(Buffer.from(raw, 'latin1'));
  socket.setTimeout(SILENCE_MS, () => socket.destroy());
  socket.on('error', () => {});
  socket.resume();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function flood(): Promise<void> {
  const connections = [...SEEDS, ...fc.sample(hostileBytes, RUNS)];
  for (let at = 0; at < connections.length; at += AT_A_TIME)
    await Promise.all(connections.slice(at, at + AT_A_TIME).map(send));
}

/** What is left of each instance's heap when its garbage is gone. */
async function heapBytes(): Promise<number[]> {
  // There is no such series before the first one.
  const collections = async () =>
    (await metric('nodejs_gc_duration_seconds_count', 'kind="major"')).map((count) => count || 0);
  const before = await collections();
  for (const { pid } of stack.instances) process.kill(pid!, 'SIGWINCH');
  await waitFor(async () => (await collections()).every((count, i) => count > (before[i] ?? 0)), {
    timeoutMs: 30_000,
    what: 'no garbage was collected',
  });
  return metric('nodejs_heap_size_used_bytes');
}

const metric = (name: string, ...labels: string[]): Promise<number[]> =>
  Promise.all(stack.instances.map(async ({ url }) => sumOf(await scrape(url), name, ...labels)));

const eventually = { timeout: 60_000, interval: 250 };
