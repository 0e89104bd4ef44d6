// What only a real socket shows: requests that cannot be parsed, keep-alive, bodies that are too large, clients that leave.
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { problemInBody } from '../support/problem-of.ts';
import { createTestApp } from '../support/test-app.ts';

/** Asks often, because every answer is a matter of a millisecond. */
const SOON = { interval: 2, timeout: 20_000 };

type Answer = { statusCode: number; headers: Record<string, string>; body: string };

const service = await createTestApp();
await service.app.listen({ host: '127.0.0.1', port: 0 });
const { port } = service.app.server.address() as AddressInfo;
beforeEach(() => service.reset());
afterEach(() => vi.useRealTimers());
afterAll(() => service.app.close());

/** A connection that keeps what it receives and survives being reset. */
async function open(): Promise<{ socket: Socket; received: () => string; ended: Promise<unknown> }> {
  let received = '';
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('data', (data) => (received += data.toString()));
  socket.on('error', () => {});
  await once(socket, 'connect');
  return { socket, received: () => received, ended: once(socket, 'end') };
}

/** What the service sends until it ends the connection. */
async function exchange(...request: (string | Buffer)[]): Promise<Answer> {
  const { socket, received, ended } = await open();
  for (const part of request) socket.write(part);
  await ended;
  socket.destroy();
  return parse(received());
}

function openConnections(): Promise<number> {
  return new Promise((resolve) => service.app.server.getConnections((_error, count) => resolve(count)));
}

function parse(text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(lines.map((line) => line.split(': ', 2) as [string, string]));
  const lowered = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { statusCode: Number(statusLine.split(' ')[1]), headers: lowered, body: rest.join('\r\n\r\n') };
}

function post(body: string | Buffer, extra = ''): Buffer {
  const head = `POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  return Buffer.concat([Buffer.from(`${head}${extra}\r\n`), Buffer.from(body)]);
}

const get = (id: number, more = '') => `GET /v1/items/${id}-0-0 HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

describe('a request that cannot be parsed is answered with a problem and its connection closed', () => {
  test.each([
    ['garbage', 'garbage\r\n\r\n', 400, 'bad-request'],
    ['TLS', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]), 400, 'bad-request'],
    ['an unknown method', 'FROBNICATE / HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'bad-request'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n', 400, 'bad-request'],
    ['a bad length', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', 400, 'bad-request'],
    [
      'a length and chunks (smuggling)',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'bad-request',
    ],
    ['a header of 40 KB', `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`, 431, 'headers-too-large'],
    ['an address of 40 KB', `GET /${'a'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, 'headers-too-large'],
    ['headers of 4 MB', `GET / HTTP/1.1\r\n${`X: ${'a'.repeat(1_000)}\r\n`.repeat(4_000)}`, 431, 'headers-too-large'],
  ])('%s', async (_name, request, status, code) => {
    const answer = await exchange(request);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.headers['connection']).toBe('close');
    expect(Number(answer.headers['content-length'])).toBe(Buffer.byteLength(answer.body));
    const { requestId } = problemInBody(answer, '/', status, code);
    expect(service.lines().filter((line) => line.msg === 'unreadable request')).toEqual([
      expect.objectContaining({ level: 'info', requestId, status }) as unknown,
    ]);
  });

  test('even when the client keeps its side open', async () => {
    const { socket, ended } = await open();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    socket.write('garbage\r\n\r\n');
    await ended;
    // The time that the client has to read its answer.
    vi.advanceTimersByTime(10_000);
    vi.useRealTimers();
    await vi.waitFor(async () => expect(await openConnections()).toBe(0), SOON);
    socket.destroy();
  });
});

const chunked = (path: string, type: string) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`;

describe('a body that cannot be parsed', () => {
  test('is answered with a problem', async () => {
    const answer = await exchange(chunked('/v1/items', 'application/json'), 'zz\r\n');
    expect(answer.headers['connection']).toBe('close');
    problemInBody(answer, '/', 400, 'bad-request');
  });

  test.each([
    ['a stream that is being answered', '/v1/items/batch', 'HTTP/1.1 200 OK'],
    ['an answer that did not wait for it', '/nowhere', 'HTTP/1.1 404 Not Found'],
  ])('ends %s, and nothing is written behind', async (_name, path, status) => {
    const { socket, received, ended } = await open();
    socket.write(chunked(path, 'application/x-ndjson'));
    await vi.waitFor(() => expect(received()).toContain('\r\n\r\n'), SOON);
    socket.write('zz\r\n');
    await ended;
    socket.destroy();
    expect(received().match(/HTTP\/1\.1 .*(?=\r)/g)).toEqual([status]);
  });
});

describe('what Node would answer by itself', () => {
  test('400 for HTTP/1.1 without Host', async () => {
    const answer = await exchange('GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n');
    expect(problemInBody(answer, '/livez', 400, 'bad-request').detail).toMatch(/Host/);
  });

  test('200 for HTTP/1.0 without Host', async () => {
    expect((await exchange('GET /livez HTTP/1.0\r\n\r\n')).statusCode).toBe(200);
  });

  test('an unknown expectation is ignored', async () => {
    const answer = await exchange(post('{"content":"a"}', 'Connection: close\r\nExpect: 200-maybe\r\n'));
    expect(answer.statusCode).toBe(201);
  });

  test('100-continue is answered', async () => {
    const answer = await exchange(post('{"content":"a"}', 'Connection: close\r\nExpect: 100-continue\r\n'));
    expect(answer.statusCode).toBe(100);
    expect(answer.body).toMatch(/^HTTP\/1\.1 201 /);
  });
});

test('bare requests over keep-alive are each answered, in order', async () => {
  const { socket, received, ended } = await open();
  socket.write(get(1));
  await vi.waitFor(() => expect(received()).toContain('"instance":"/v1/items/1-0-0"'), SOON);
  socket.write(get(2) + get(3) + post('').toString() + get(4, 'Connection: close\r\n'));
  await ended;
  socket.destroy();
  const found = [...received().matchAll(/HTTP\/1\.1 (\d+) |"instance":"([^"]+)"/g)].map(([, a, b]) => a ?? b);
  const items = [1, 2, 3, 4].map((id) => ['404', `/v1/items/${id}-0-0`]);
  expect(found).toEqual(items.toSpliced(3, 0, ['400', '/v1/items']).flat());
});

describe('headers', () => {
  test('one named __proto__ is only a header', async () => {
    const answer = await exchange(post('{"content":"a"}', '__proto__: x\r\nconstructor: y\r\nConnection: close\r\n'));
    expect(answer.statusCode).toBe(201);
    expect(JSON.parse(answer.body)).toMatchObject({ content: 'a' });
  });

  test('two Idempotency-Keys are refused, whatever they are', async () => {
    for (const key of ['k', '"k"']) {
      const keys = `Idempotency-Key: ${key}\r\nIdempotency-Key: ${key}\r\nConnection: close\r\n`;
      expect(problemInBody(await exchange(post('{"content":"a"}', keys)), '/v1/items')).toMatchObject({
        status: 400,
        code: 'bad-request',
      });
    }
    expect(service.items.saves).toEqual([]);
  });

  test('an Idempotency-Key in UTF-8 is refused', async () => {
    const answer = await exchange(post('{"content":"a"}', 'Idempotency-Key: \u043a\r\nConnection: close\r\n'));
    expect(problemInBody(answer, '/v1/items')).toMatchObject({ status: 400, code: 'bad-request' });
  });

  test('two X-Request-Ids are replaced', async () => {
    const answer = await exchange(
      'GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nX-Request-Id: b\r\nConnection: close\r\n\r\n',
    );
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('413 for a body that is too large', () => {
  const body = Buffer.alloc(4 * 2 ** 20, 0x20);

  test('announced by its length, before and after it was sent', async () => {
    const { socket, received } = await open();
    socket.write(post(body).subarray(0, 200));
    await vi.waitFor(() => expect(received()).toContain('\r\n\r\n{'), SOON);
    expect(problemInBody(parse(received()), '/v1/items')).toMatchObject({ status: 413, code: 'payload-too-large' });
    socket.destroy();
    // Nor is the connection reset under a client that reads its answer when it has sent everything.
    const answer = await exchange(post(body), 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(answer.statusCode).toBe(413);
    expect(answer.body).toMatch(/"payload-too-large".*HTTP\/1\.1 200 /s);
  });

  test('in chunks', async () => {
    const head =
      'POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
    const { socket, received } = await open();
    for (const part of [head, `${body.length.toString(16)}\r\n`, body, '\r\n0\r\n\r\n']) socket.write(part);
    await vi.waitFor(() => expect(received()).toContain('\r\n\r\n{'), SOON);
    expect(problemInBody(parse(received()), '/v1/items')).toMatchObject({ status: 413, code: 'payload-too-large' });
    socket.destroy();
  });
});

test('a client that leaves before its answer leaves one log line', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  service.items.onSave = async () => {
    await promise;
    return { kind: 'in_progress' };
  };
  const { socket } = await open();
  socket.write(post('{"content":"a"}'));
  await vi.waitFor(() => expect(service.items.saves).toHaveLength(1), SOON);
  socket.destroy();
  resolve();
  await vi.waitFor(() => expect(service.lines().filter(({ msg }) => msg === 'request')).toHaveLength(1), SOON);
});

describe('408 for a body that is late', () => {
  const head = 'POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n';

  test('and the connection is closed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { socket, received, ended } = await open();
    socket.write(`${head}{"con`);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0), SOON);
    vi.advanceTimersByTime(15_000);
    await ended;
    socket.destroy();
    const answer = parse(received());
    expect(answer.headers['connection']).toBe('close');
    problemInBody(answer, '/', 408, 'request-timeout');
    expect(service.items.saves).toEqual([]);
  });

  test('and so is one whose answer did not wait for its body', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { socket, received } = await open();
    socket.write(`${head.replace('/v1/items', '/nowhere')}{"con`);
    await vi.waitFor(() => expect(received()).toContain('404'), SOON);
    vi.advanceTimersByTime(15_000);
    vi.useRealTimers();
    await vi.waitFor(async () => expect(await openConnections()).toBe(0), SOON);
    socket.destroy();
  });

  test('but not for one that is being saved for longer', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    service.items.onSave = async () => {
      await promise;
      return { kind: 'in_progress' };
    };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { socket, received } = await open();
    socket.write(`${head}{"content":"a"}`);
    await vi.waitFor(() => expect(service.items.saves).toHaveLength(1), SOON);
    vi.advanceTimersByTime(60_000);
    resolve();
    vi.useRealTimers();
    await vi.waitFor(() => expect(received()).toContain('save-in-progress'), SOON);
    socket.destroy();
  });
});
