// Floods of HTTP/2 frames against nginx with TLS: whoever comes meanwhile is served, and nginx neither grows nor falls.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { caOf, makeCertificates } from '../../stack/certificates.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import {
  END_HEADERS,
  END_STREAM,
  fields,
  frame,
  literal,
  number,
  openHttp2,
  TYPE,
  window,
} from '../support/http2-frames.ts';
import { httpsClient } from '../support/https-client.ts';

const CONNECTIONS = 10;
/** As many as it takes for several hundred thousand frames a second from an idle machine. */
const FRAMES_AT_A_TIME = 100;
const SAVES = 20;
/** nginx took 34 MB for 20 connections whose 128 answers each were taken byte by byte, and 5 MB for any other flood. */
const MOST_BYTES = 128 * 1024 * 1024;
const WHOLE = END_STREAM | END_HEADERS;
const CANCEL = number(8);

let dir: string;
let stack: Stack;
let ca: string;
let client: ReturnType<typeof httpsClient>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-http2-'));
  makeCertificates(join(dir, 'tls'));
  ca = caOf(join(dir, 'tls'));
  stack = await startStack({ dir, tls: join(dir, 'tls'), instances: 1 });
  client = httpsClient(stack.url, ca);
  for (let i = 0; i < 40; i++) await save(`${i} `.padEnd(60_000, 'x'));
});
afterAll(async () => {
  client.close();
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

const save = async (content: string): Promise<number> =>
  (await client.ask('POST', '/v1/items', JSON.stringify({ content }))).status;

/** What the attacker writes next, the n-th time on a connection; nothing for a moment's rest. */
type Flood = (n: number) => Buffer;
/** So many frames, of streams that were not there before. */
const many = (n: number, make: (stream: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: FRAMES_AT_A_TIME }, (_, i) => make(2 * (n * FRAMES_AT_A_TIME + i) + 1)));
const page = (stream: number): Buffer => frame(TYPE.headers, WHOLE, stream, fields('GET', '/v1/items?limit=1000'));
const post = (flags: number): Buffer =>
  frame(TYPE.headers, flags, 1, fields('POST', '/v1/items', { 'content-type': 'application/json' }));
/** Behind it, each byte of a header block is a header of 3,900 bytes (RFC 7541, section 6.1). */
const LONG_FIELD = Buffer.concat([Buffer.from([0x40, 1, 0x7a, 0x7f, 0xbd, 0x1d]), Buffer.alloc(3_900, 'a')]);

const FLOODS: Readonly<Record<string, readonly [flood: Flood, settings?: Buffer]>> = {
  'requests that are taken back at once (CVE-2023-44487)': [
    (n) => many(n, (stream) => Buffer.concat([page(stream), frame(TYPE.reset, 0, stream, CANCEL)])),
  ],
  'requests that nginx is made to take back (CVE-2025-8671)': [
    (n) => many(n, (stream) => Buffer.concat([page(stream), frame(TYPE.window, 0, stream, number(0))])),
  ],
  'a head without an end (CVE-2024-27316)': [
    (n) => (n === 0 ? post(0) : many(n, () => frame(TYPE.continuation, 0, 1, literal('x-more', 'y'.repeat(100))))),
  ],
  'a head that goes on with nothing': [(n) => (n === 0 ? post(0) : many(n, () => frame(TYPE.continuation, 0, 1)))],
  'heads that unpack to 30 MB': [
    (n) => {
      const block = Buffer.concat([
        fields('GET', '/readyz'),
        n === 0 ? LONG_FIELD : Buffer.alloc(0),
        Buffer.alloc(8_000, 0xbe),
      ]);
      return frame(TYPE.headers, WHOLE, 2 * n + 1, block);
    },
  ],
  'a body of nothing (CVE-2019-9518)': [(n) => (n === 0 ? post(END_HEADERS) : many(n, () => frame(TYPE.data, 0, 1)))],
  'pings (CVE-2019-9512)': [(n) => many(n, () => frame(TYPE.ping, 0, 0, Buffer.alloc(8)))],
  'settings (CVE-2019-9515)': [(n) => many(n, () => frame(TYPE.settings, 0, 0, window(65_535)))],
  'priorities (CVE-2019-9513)': [
    (n) => many(n, (stream) => frame(TYPE.priority, 0, stream, Buffer.concat([number(0), Buffer.from([16])]))),
  ],
  'answers that are taken byte by byte (CVE-2019-9511)': [
    (n) =>
      n < 100
        ? page(2 * n + 1)
        : Buffer.concat(Array.from({ length: 100 }, (_, i) => frame(TYPE.window, 0, 2 * i + 1, number(1)))),
    window(1),
  ],
  'answers that are not taken at all': [(n) => (n < 100 ? page(2 * n + 1) : Buffer.alloc(0)), window(0)],
};

/** Floods nginx over several connections, each opened anew when it is closed, until the function that it returns is called. */
function attack(flood: Flood, settings?: Buffer): { written: () => number; stop: () => Promise<void> } {
  const end = new AbortController();
  let written = 0;
  const sockets = new Set<TLSSocket>();
  const one = async (): Promise<void> => {
    while (!end.signal.aborted) {
      const socket = await openHttp2(stack.nginx.port, ca, settings);
      sockets.add(socket);
      for (let n = 0; !end.signal.aborted && !socket.destroyed; n++) {
        const bytes = flood(n);
        written += bytes.length;
        // nginx reads as fast as it likes: what it has not taken is no reason to keep it here.
        if (!socket.write(bytes)) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
        // Whoever has no more to say leaves the machine to the others.
        await (bytes.length === 0 ? setTimeout(20) : setImmediate());
      }
      socket.destroy();
      sockets.delete(socket);
    }
  };
  const running = Array.from({ length: CONNECTIONS }, one);
  return {
    written: () => written,
    async stop() {
      end.abort();
      for (const socket of sockets) socket.destroy();
      await Promise.all(running);
    },
  };
}

function workers(): string[] {
  return execFileSync('ps', ['-o', 'pid=', '--ppid', String(stack.nginx.pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/);
}
const bytesOf = (pid: string): number =>
  1_024 * Number(execFileSync('ps', ['-o', 'rss=', '-p', pid], { encoding: 'utf8' }));

test.each(Object.entries(FLOODS))('%s', async (name, [flood, settings]) => {
  const before = workers();
  const running = attack(flood, settings);
  await expect.poll(running.written, eventually).toBeGreaterThan(50_000);
  const statuses: number[] = [];
  let most = 0;
  for (let i = 0; i < SAVES; i++) {
    statuses.push(await save(`${name} ${i}`));
    most = Math.max(most, ...before.map(bytesOf));
  }
  await running.stop();
  // One address may take all of an instance (see RATE_LIMIT_PER_SECOND); what it cannot do is to have others left without an
  // answer, or with one that is no leave to send again.
  expect(statuses.filter((status) => ![201, 429, 503, 504].includes(status))).toEqual([]);
  expect(statuses.filter((status) => status === 201).length).toBeGreaterThan(SAVES / 2);
  expect(most).toBeLessThan(MOST_BYTES);
  expect(workers()).toEqual(before);
  expect(readFileSync(join(dir, 'logs', 'nginx.log'), 'utf8')).not.toMatch(/exited on signal|\[(alert|emerg)\]/);
});

const eventually = { timeout: 60_000, interval: 50 };
