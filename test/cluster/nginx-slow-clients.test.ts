// Clients that are slow to send or to read, or too many, at nginx: they hold what is theirs, and others are served.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Stack, startStack } from '../../stack/stack.ts';

let dir: string;
let stack: Stack;
let sockets: Socket[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-slow-'));
  stack = await startStack({ dir, instances: 1 });
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Opens that many connections, sends the same over each, and reads nothing. */
async function open(count: number, text: string): Promise<Socket[]> {
  const opened: Socket[] = [];
  for (let i = 0; i < count; i++) {
    const socket = connect({ host: '127.0.0.1', port: stack.nginx.port });
    socket.on('error', () => {});
    sockets.push(socket);
    opened.push(socket);
    await once(socket, 'connect');
    if (text !== '') socket.write(text);
  }
  return opened;
}

type Answer = { readonly status: number | undefined; readonly retryAfter: string | undefined; readonly body: unknown };

/** Saves a content, over a connection of its own; from another address than all others when one is given. */
async function save(content: string, localAddress?: string, path = '/v1/items'): Promise<Answer> {
  const body = path === '/v1/items' ? { content } : { items: [{ content }] };
  const outgoing = request(`${stack.url}${path}`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json' },
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  outgoing.end(JSON.stringify(body));
  const incoming = (await once(outgoing, 'response'))[0] as IncomingMessage;
  return { status: incoming.statusCode, retryAfter: incoming.headers['retry-after'], body: await json(incoming) };
}

function openFiles(): number {
  const { userLimits } = process.report.getReport() as { userLimits: { open_files: { soft: number | 'unlimited' } } };
  return userLimits.open_files.soft === 'unlimited' ? Infinity : userLimits.open_files.soft;
}

const head = (path: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.resume().once('close', resolve);
    if (socket.destroyed) resolve();
  });

/** Sends a byte of the body now and then over each that has sent its head: nginx leaves who is silent for 10 s. */
function trickle(opened: readonly Socket[]): void {
  const timer = setInterval(() => {
    for (const socket of opened) if (!socket.destroyed && socket.bytesWritten > 0) socket.write(' ');
  }, 3_000);
  onTestFinished(() => clearInterval(timer));
}

test('200 that are slow with the head, the body, or reading: each save of another passes, and those that do not send are left', async () => {
  for (let i = 0; i < 40; i++) expect((await save(`${i} `.padEnd(64_000, 'x'))).status).toBe(201);
  const heads = await open(70, 'POST /v1/items HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  const bodies = await open(70, `${head('/v1/items', 400_000)}{"content":"${'x'.repeat(100_000)}`);
  const left = Promise.all([...heads, ...bodies].map(closed));
  const readers = await open(60, 'GET /v1/items?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n');
  const slow = [...heads, ...bodies, ...readers];
  const areAllThere = () => slow.every(({ destroyed }) => !destroyed);
  let passed = 0;
  for (let i = 0; i < 100 && areAllThere(); i++) {
    expect((await save(`quick ${i}`)).status).toBe(201);
    if (areAllThere()) passed++;
  }
  // One that waited for a slow one would be answered when that one is gone, 10 s after it came.
  expect(passed).toBeGreaterThan(5);
  await left;
});

test('the 4,001st request of one address gets 429 until one is over, and another address is served', async () => {
  const opening = open(4_000, `${head('/v1/items', 100)}{`);
  trickle(sockets);
  await opening;
  await expect.poll(async () => (await save('one more')).status, eventually).toBe(429);
  expect(await save('one more')).toMatchObject({
    status: 429,
    retryAfter: '1',
    body: { code: 'rate-limited', type: '/problems/rate-limited', title: 'Too many requests', status: 429 },
  });
  expect((await save('from elsewhere', '127.0.0.2')).status).toBe(201);
  for (const socket of sockets.slice(0, 10)) socket.destroy();
  await expect.poll(async () => (await save('one more')).status, eventually).toBe(201);
});

test('the 101st batch of one address gets 429, and its single items are saved', async () => {
  trickle(await open(100, `${head('/v1/items/batch', 8_000_000)}{`));
  await expect.poll(async () => (await save('in a batch', undefined, '/v1/items/batch')).status, eventually).toBe(429);
  expect((await save('beside batches')).status).toBe(201);
});

// As many as the system lets a process open, and it is the same for nginx.
const IDLE = Math.min(10_000, openFiles() - 2_000);
test(`${IDLE} that say nothing: saves pass`, async () => {
  await open(IDLE, '');
  for (let i = 0; i < 20; i++) expect((await save(`among idle ones ${i}`)).status).toBe(201);
});

test(`${IDLE} that never end their head, and come again whenever they are dropped: none is, and saves pass`, async () => {
  const half = 'POST /v1/items HTTP/1.1\r\nHost: x\r\nX-Slow: ';
  let isOver = false;
  onTestFinished(() => {
    isOver = true;
  });
  const again = async (): Promise<void> => {
    if (isOver) return;
    const [socket] = await open(1, half).catch(() => []);
    socket?.once('close', () => void again());
  };
  for (const socket of await open(IDLE, half)) {
    socket.once('close', () => void again());
    if (socket.destroyed) void again();
  }
  for (let i = 0; i < 40; i++) expect((await save(`among half ones ${i}`)).status).toBe(201);
  // What nginx says when it drops connections that wait for their first byte, those of others as well.
  expect(readFileSync(join(dir, 'logs', 'nginx.log'), 'utf8')).not.toContain('worker_connections are not enough');
});

const eventually = { timeout: 30_000, interval: 100 };
