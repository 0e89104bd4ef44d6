// POST /v1/items/batch as nginx passes a stream on: over HTTP/2 without TLS, one stream of which is one request.
import { once } from 'node:events';
import { type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { type AddressInfo, createConnection } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildStreamApp } from '../../src/app.ts';
import { createTestApp, type TestApp } from '../support/test-app.ts';

/** Asks often, because every answer is a matter of a millisecond. */
const SOON = { interval: 2, timeout: 20_000 };

let service: TestApp;
beforeEach(async () => {
  service = await createTestApp({}, buildStreamApp);
  await service.app.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(() => service[Symbol.asyncDispose]());
afterEach(() => vi.restoreAllMocks());

/** A stream of its own connection, and what it receives. */
async function open(headers: IncomingHttpHeaders = {}) {
  const socket = createConnection((service.app.server.address() as AddressInfo).port, '127.0.0.1');
  const session = connect('http://localhost', { createConnection: () => socket });
  session.on('error', () => {});
  const stream: ClientHttp2Stream = session.request({
    ':method': 'POST',
    ':path': '/v1/items/batch',
    'content-type': 'application/x-ndjson',
    ...headers,
  });
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  stream.on('error', () => {});
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  void closed.then(() => session.destroy());
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { socket, stream, head, closed, text: () => text, statuses: () => statusesIn(text) };
}

const statusesIn = (text: string): number[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { status: number }).status);

const requestLines = () => service.lines().filter(({ msg }) => msg === 'request');
/** The requests that were measured, by status. */
const measured = async (status: number): Promise<number> => {
  const text = await service.metrics.registry.metrics();
  const line = new RegExp(
    `^http_request_duration_seconds_count\\{.*route="/v1/items/batch",status_code="${status}"\\} (\\d+)`,
    'm',
  );
  return Number(line.exec(text)?.[1]);
};

test('a stream to its end: a line for each, and one log line with what became of them', async () => {
  const client = await open();
  client.stream.end('{"content":"a"}\n{"content":"a"}\nnonsense\n');
  await client.closed;
  expect(client.head[':status']).toBe(200);
  expect(client.statuses()).toEqual([201, 409, 400]);
  await vi.waitFor(() => expect(requestLines()).toHaveLength(1), SOON);
  expect(requestLines()[0]).toMatchObject({ mode: 'stream', end: 'complete', saved: 1, duplicates: 1, failed: 1 });
  expect(await measured(200)).toBe(1);
});

test('a client that leaves: what was begun is saved, and one log line says so', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const decide = service.items.onSave;
  service.items.onSave = async (request) => {
    await promise;
    return decide(request);
  };
  const client = await open();
  client.stream.write('{"content":"a"}\n{"content":"b"}\n{"cont');
  await vi.waitFor(() => expect(service.items.saves).toHaveLength(2), SOON);
  client.socket.destroy();
  await client.closed;
  resolve();
  await vi.waitFor(() => expect(requestLines().filter(({ end }) => end === 'gone')).toHaveLength(1), SOON);
  expect(requestLines()).toHaveLength(1);
  expect(requestLines()[0]).toMatchObject({ status: 200, mode: 'stream', end: 'gone', saved: 2 });
  expect(await measured(200)).toBe(1);
});

test('a stop: what was begun is answered, the stream is reset, and one log line says so', async () => {
  const client = await open();
  client.stream.write('{"content":"a"}\n{"content":"b"}\n');
  await vi.waitFor(() => expect(client.statuses()).toEqual([201, 201]), SOON);
  await service.app.close();
  await client.closed;
  expect(client.stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  expect(client.statuses()).toEqual([201, 201]);
  expect(requestLines()).toHaveLength(1);
  expect(requestLines()[0]).toMatchObject({ status: 200, mode: 'stream', end: 'stopped', saved: 2 });
  expect(await measured(200)).toBe(1);
});

test('while draining no stream is begun', async () => {
  service.readiness.drain();
  const warned = vi.spyOn(process, 'emitWarning');
  const client = await open();
  client.stream.end();
  await client.closed;
  expect(client.head).toMatchObject({
    ':status': 503,
    'retry-after': '1',
    'content-type': 'application/problem+json; charset=utf-8',
  });
  expect(JSON.parse(client.text())).toMatchObject({ code: 'draining' });
  // As for a header that only HTTP/1.1 knows.
  expect(warned).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(requestLines()).toHaveLength(1), SOON);
});
