// Who waits at nginx for instances that are gone is sent on in rounds: in production, where the list of instances follows
// DNS, each change of the list gives all who wait up. Here one instance stands for a list that changed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalLauncher } from '../../stack/local-launcher.ts';
import { Nginx } from '../../stack/nginx.ts';
import { Ports } from '../../stack/ports.ts';
import { waitFor } from '../../stack/wait.ts';
import { post } from '../support/http-load.ts';

const ROUNDS = 4;

let nginx: Nginx;
let instancePort: number;
let streamPort: number;
const cleanup: (() => unknown)[] = [];

beforeEach(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'items-rounds-'));
  cleanup.push(() => rm(dir, { recursive: true, force: true }));
  const ports = await Ports.reserve();
  cleanup.push(() => ports[Symbol.asyncDispose]());
  const launcher = new LocalLauncher(dir);
  instancePort = await ports.get('instance');
  streamPort = await ports.get('stream');
  const instances = [{ host: '127.0.0.1', port: instancePort, streamPort }];
  nginx = await Nginx.create({ launcher, dir, ports, instances });
  cleanup.push(() => nginx.stop());
  await nginx.start();
  await nginx.ready();
});
afterEach(async () => {
  for (const clean of cleanup.splice(0).toReversed()) await clean();
});

/** Hangs up on so many requests before it answers one; notes the attempt id and the address of each. */
async function instanceThatDies(times: number): Promise<string[]> {
  const attempts: string[] = [];
  const server: Server = createServer((request, response) => {
    attempts.push(`${request.headers['x-attempt-id']?.toString()} ${request.url}`);
    if (attempts.length <= times) request.socket.destroy();
    else response.writeHead(201, { 'content-type': 'application/json' }).end('{}');
  });
  cleanup.push(() => server.close().closeAllConnections());
  server.listen(instancePort, '127.0.0.1');
  await once(server, 'listening');
  return attempts;
}

test('a request meets three instances that die in a row, and is answered by the fourth', async () => {
  const attempts = await instanceThatDies(ROUNDS - 1);
  expect((await post(nginx.url, 'a')).status).toBe(201);
  expect(attempts).toHaveLength(ROUNDS);
  expect(new Set(attempts).size).toBe(1);
});

test('a batch is asked for at its own address each time', async () => {
  const attempts = await instanceThatDies(ROUNDS - 1);
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ items: [{ content: 'a' }] });
  const answer = await fetch(`${nginx.url}/v1/items/batch?a=b`, { method: 'POST', headers, body });
  expect(answer.status).toBe(201);
  expect(attempts.map((attempt) => attempt.split(' ')[1])).toEqual(Array.from(attempts, () => '/v1/items/batch?a=b'));
  expect(new Set(attempts).size).toBe(1);
});

test('and then it is given up: an instance that everything kills is not asked for ever', async () => {
  const attempts = await instanceThatDies(Number.POSITIVE_INFINITY);
  const answer = await post(nginx.url, 'a');
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([502, '1']);
  expect(await answer.json()).toMatchObject({ code: 'bad-gateway' });
  expect(attempts).toHaveLength(ROUNDS);
});

test('nor is an address that takes no connection, as those without a container do', async () => {
  await silentListener();
  const answer = await post(nginx.url, 'a');
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([504, '1']);
  expect(await answer.json()).toMatchObject({ code: 'gateway-timeout' });
  // The error log is in there, too.
  const line = await waitFor(() => nginx.lastLogLines().find((one) => one.includes('"upstreamStatus"')), {
    timeoutMs: 10_000,
    what: 'no line in the access log',
  });
  const { upstream } = JSON.parse(line) as { upstream: string };
  expect(upstream).toBe(Array.from({ length: ROUNDS }, () => `127.0.0.1:${instancePort}`).join(' : '));
});

test('lines that have begun to arrive are in no round: nobody has kept them', async () => {
  const attempts = await instanceThatDies(0);
  const streams = createHttp2Server();
  let begun = 0;
  streams.on('stream', (stream) => {
    begun++;
    stream.session?.destroy();
  });
  cleanup.push(() => streams.close());
  streams.listen(streamPort, '127.0.0.1');
  await once(streams, 'listening');
  const headers = { 'content-type': 'application/x-ndjson' };
  const answer = await fetch(`${nginx.url}/v1/items/batch`, { method: 'POST', headers, body: '{"content":"a"}\n' });
  expect(answer.status).toBe(502);
  expect([begun, attempts]).toEqual([1, []]);
});

/** Listens, accepts nothing, and has no room for more who wait to be accepted. */
async function silentListener(): Promise<void> {
  const program = `require('node:net').createServer().listen({ port: ${instancePort}, host: '127.0.0.1', backlog: 1 }, () => console.log())`;
  const child: ChildProcess = spawn(process.execPath, ['--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanup.push(() => child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  child.kill('SIGSTOP');
  const sockets: Socket[] = Array.from({ length: 8 }, () => connect(instancePort, '127.0.0.1').on('error', () => {}));
  cleanup.push(() => sockets.forEach((socket) => socket.destroy()));
  // A listener takes one more than its backlog.
  await waitFor(() => sockets.filter(({ readyState }) => readyState === 'open').length >= 2, {
    timeoutMs: 10_000,
    what: 'not full',
  });
}
