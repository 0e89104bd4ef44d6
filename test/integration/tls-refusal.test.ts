// A certificate that is not trusted costs a connection and never the process, whatever else goes wrong at that moment.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect as connectTcp, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { connect, leave } from '../../src/redis/connect.ts';
import type { StoreAccess } from '../../src/redis/connection-options.ts';
import { caOf, makeCertificates } from '../../stack/certificates.ts';
import { waitFor } from '../../stack/wait.ts';
import { recordingObservers } from '../support/open-store.ts';
import { RedisServer } from '../support/redis-server.ts';

let dir: string;
let redis: RedisServer;
let proxy: Server;
let port: number;
/** Bytes that arrived from Redis and wait, and how many of its connections ended with something said behind our goodbye. */
let held = 0;
let alerts = 0;
const unheard: Error[] = [];
const hear = (error: Error): unknown => unheard.push(error);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-tls-refusal-'));
  for (const name of ['theirs', 'other']) makeCertificates(join(dir, name));
  redis = await RedisServer.reserve();
  redis.start(join(dir, 'theirs'));
  process.on('uncaughtExceptionMonitor', hear);
});
afterAll(async () => {
  process.off('uncaughtExceptionMonitor', hear);
  await redis[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

// Hands on what Redis says only when Redis has ended the connection: so its certificate and the alert with which it
// answers a client that leaves in the middle of the handshake arrive together, as they do when the client is busy.
beforeEach(async () => {
  [held, alerts, unheard.length] = [0, 0, 0];
  proxy = createServer({ allowHalfOpen: true }, (near) => {
    const far = connectTcp({ port: redis.port, host: '127.0.0.1', allowHalfOpen: true });
    const said: Buffer[] = [];
    let isLeaving = false;
    let isAnswered = false;
    near.on('end', () => (isLeaving = true)).pipe(far);
    far.on('data', (chunk: Buffer) => {
      held += chunk.length;
      said.push(chunk);
      isAnswered ||= isLeaving;
    });
    far.on('end', () => {
      if (isAnswered) alerts++;
      near.end(Buffer.concat(said));
    });
    for (const socket of [near, far]) socket.on('error', () => {}).on('close', () => (near.destroy(), far.destroy()));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  ({ port } = proxy.address() as AddressInfo);
});
afterEach(async () => {
  const closed = once(proxy, 'close');
  proxy.close();
  await closed;
});

const soon = (what: string) => ({ timeoutMs: 20_000, everyMs: 5, what });
const access = (target: StoreAccess['target']): StoreAccess => ({ target, tlsCa: caOf(join(dir, 'other')) });

test('a node is left in the middle of the handshake', async () => {
  const target = { kind: 'standalone', url: `rediss://127.0.0.1:${port}` } as const;
  // One that comes too late has been given up by its own timeout, without a goodbye.
  await waitFor(async () => {
    held = 0;
    const client = connect('command', access(target), 500, recordingObservers([]));
    await waitFor(() => held > 0, soon('Redis did not answer'));
    await leave([client], 0);
    await waitFor(() => client.status === 'end', soon('the client did not leave'));
    return alerts > 0;
  }, soon('Redis sent no alert'));
  expect(unheard).toEqual([]);
});

test('a Sentinel is left in the middle of the handshake because it did not answer', async () => {
  const target = { kind: 'sentinel', sentinels: [{ host: '127.0.0.1', port }], masterName: 'items' } as const;
  const client = connect('command', access(target), 500, recordingObservers([]));
  await waitFor(() => alerts > 1, soon('Redis sent no alerts'));
  await leave([client], 0);
  expect(unheard).toEqual([]);
});
