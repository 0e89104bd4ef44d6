// POST /v1/items/batch as lines: answered while it is sent, line by line and in order, whatever a line holds.
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LineClient } from '../support/line-client.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp, type Headers } from '../support/test-app.ts';

/** Asks often, because every answer is a matter of a millisecond. */
const SOON = { interval: 2, timeout: 20_000 };

const service = await createTestApp();
await service.app.listen({ host: '127.0.0.1', port: 0 });
const url = `http://127.0.0.1:${(service.app.server.address() as AddressInfo).port}`;
beforeEach(() => service.reset());
afterEach(() => vi.useRealTimers());
afterAll(() => service.app.close());

const send = (payload: string | Buffer, headers: Headers = {}, query = '') =>
  service.app.inject({
    method: 'POST',
    url: `/v1/items/batch${query}`,
    headers: { 'content-type': 'application/x-ndjson', ...headers },
    payload,
  });
/** Waits until as many clients as this are noticed to have left, so that nothing of theirs gets into the next test. */
const left = (count: number) =>
  vi.waitFor(() => expect(service.lines().filter(({ end }) => end === 'gone')).toHaveLength(count), SOON);
const clock = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
const results = (body: string) => {
  expect(body === '' || body.endsWith('\n')).toBe(true);
  return body
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};

test('each line is answered by one, in order: saved, duplicate, and what is wrong', async () => {
  const lines = [
    '{"content":"a"}',
    '{"content":{"b":1}}\r',
    '',
    '{"content":"a"}',
    'nonsense',
    '{"content":5}',
    `{"content":"${'x'.repeat(409_600)}"}`,
    Buffer.from('{"content":"\xff"}', 'latin1'),
    '\r',
    '{"content":"last"}',
  ];
  const answer = await send(
    Buffer.concat(lines.flatMap((line, i) => [Buffer.from(i === 0 ? '' : '\n'), Buffer.from(line)])),
  );
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toBe('application/x-ndjson');
  expect(answer.headers['x-request-id']).toMatch(/./);
  expect(results(answer.body)).toEqual([
    { status: 201, item: expect.objectContaining({ content: 'a' }) as unknown },
    { status: 201, item: expect.objectContaining({ content: { b: 1 } }) as unknown },
    { status: 400, code: 'malformed-json', detail: 'the line is empty' },
    { status: 409, code: 'duplicate-item', item: expect.objectContaining({ content: 'a' }) as unknown },
    { status: 400, code: 'malformed-json', detail: expect.any(String) as string },
    {
      status: 422,
      code: 'validation-failed',
      detail: expect.any(String) as string,
      errors: [{ pointer: '/content', detail: expect.any(String) as string }],
    },
    { status: 413, code: 'payload-too-large', detail: expect.stringContaining('409600') as string },
    { status: 400, code: 'malformed-json', detail: expect.stringContaining('UTF-8') as string },
    { status: 400, code: 'malformed-json', detail: 'the line is empty' },
    { status: 201, item: expect.objectContaining({ content: 'last' }) as unknown },
  ]);
  expect(service.lines().at(-1)).toMatchObject({
    msg: 'request',
    status: 200,
    mode: 'stream',
    end: 'complete',
    saved: 3,
    replayed: 0,
    duplicates: 1,
    failed: 6,
  });
});

test('a body without lines has an answer without lines', async () => {
  expect(await send('')).toMatchObject({ statusCode: 200, body: '' });
});

test('answers leave in the order of the lines, whatever is saved first', async () => {
  const decide = service.items.onSave;
  const waiting: (() => void)[] = [];
  service.items.onSave = async (request) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return decide(request);
  };
  using client = new LineClient(url);
  await client.read();
  for (const content of ['a', 'b', 'c']) client.sendContent(content);
  await vi.waitFor(() => expect(waiting).toHaveLength(3), SOON);
  waiting[2]?.();
  waiting[1]?.();
  waiting[0]?.();
  await vi.waitFor(() => expect(client.lines).toHaveLength(3), SOON);
  expect(client.lines.map(({ item }) => item?.content)).toEqual(['a', 'b', 'c']);
});

test('the head comes before any line, and each result while the rest is still to be sent', async () => {
  using client = new LineClient(url);
  expect((await client.head()).statusCode).toBe(200);
  await client.read();
  for (const n of [1, 2, 3]) {
    client.sendContent(`${n}`);
    await vi.waitFor(() => expect(client.lines).toHaveLength(n), SOON);
  }
  expect(client.end).toBeNull();
  client.outgoing.end();
  await vi.waitFor(() => expect(client.end).toBe('complete'), SOON);
});

describe('headers', () => {
  test('handling=lenient and return=minimal', async () => {
    const prefer = { prefer: 'handling=lenient, return=minimal' };
    const answer = await send('{"content":"a"}\n{"content":"a"}', prefer);
    expect(answer.headers['preference-applied']).toBe('handling=lenient, return=minimal');
    const [saved, duplicate] = results(answer.body);
    expect(saved).toEqual({ status: 201, id: expect.any(String) as string });
    expect(duplicate).toEqual({ status: 200, id: saved?.['id'] });
  });

  test('Idempotency-Key and first: an upload that goes on in the middle keeps its numbers', async () => {
    const key = { 'idempotency-key': 'k' };
    await send('{"content":"a"}\n{"content":"b"}\n', key);
    const rest = await send('{"content":"b"}\n{"content":"a"}\n', key, '?first=2');
    expect(results(rest.body)).toMatchObject([
      { status: 201, replayed: true },
      { status: 409, code: 'duplicate-item' },
    ]);
  });

  test.each([
    [{ 'idempotency-key': '' }, '', 400, 'bad-request'],
    [{ 'content-encoding': 'gzip' }, '', 415, 'unsupported-media-type'],
    [{}, '?first=0', 422, 'validation-failed'],
  ])('%j and %j are refused before there is a stream', async (headers, query, status, code) => {
    problemOf(await send('{"content":"a"}\n', headers, query), status, code);
    expect(service.items.saves).toEqual([]);
  });

  test('lines are not taken for one item', async () => {
    const answer = await service.post('{"content":"a"}', { 'content-type': 'application/x-ndjson' });
    expect(problemOf(answer).code).toBe('unsupported-media-type');
  });
});

test('the seventeenth stream at a time is 503, and there is room again when one ends', async () => {
  const clients = Array.from({ length: 16 }, () => new LineClient(url));
  await Promise.all(clients.map((client) => client.read()));
  problemOf(await send('{"content":"a"}\n'), 503, 'overloaded');
  clients[0]?.outgoing.end();
  await vi.waitFor(() => expect(clients[0]?.end).toBe('complete'), SOON);
  expect((await send('{"content":"a"}\n')).statusCode).toBe(200);
  for (const client of clients) client[Symbol.dispose]();
  await left(15);
});

describe('a slow end slows the other', () => {
  test('no more is saved than the window holds while nobody reads the results', async () => {
    using client = new LineClient(url);
    await client.head();
    const line = Buffer.from(`{"content":"${'x'.repeat(4_000)}"}\n`.repeat(16));
    let sent = 0;
    // Until all buffers in between are full: then a write is not taken any more, however long one waits.
    const sendMore = () => {
      while (sent < 100_000_000 && !client.outgoing.writableNeedDrain) {
        client.outgoing.write(line);
        sent += line.length;
      }
    };
    client.outgoing.on('drain', sendMore);
    sendMore();
    let saves = -1;
    await vi.waitFor(
      () => {
        const before = saves;
        saves = service.items.saves.length;
        expect(saves).toBe(before);
      },
      { interval: 300, timeout: 20_000 },
    );
    expect(sent).toBeLessThan(100_000_000);
    expect(service.items.saves.length * 4_000).toBeLessThan(60_000_000);
    await client.read();
    await vi.waitFor(() => expect(service.items.saves.length).toBeGreaterThan(saves), SOON);
    client[Symbol.dispose]();
    await left(1);
  });

  test('no more lines are begun than may wait for the store', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const decide = service.items.onSave;
    service.items.onSave = async (request) => {
      await promise;
      return decide(request);
    };
    const answer = send('{"content":"a"}\n'.repeat(5_000));
    await vi.waitFor(() => expect(service.items.saves.length).toBeGreaterThan(0), SOON);
    await new Promise((done) => setImmediate(done));
    expect(service.items.saves.length).toBeLessThanOrEqual(1_000);
    resolve();
    expect(results((await answer).body)).toHaveLength(5_000);
  });
});

describe('a client that does nothing', () => {
  test('and should send is cut off after 30 s, with what it was answered', async () => {
    clock();
    using client = new LineClient(url);
    await client.read();
    client.sendContent('a');
    await vi.waitFor(() => expect(client.lines).toHaveLength(1), SOON);
    vi.advanceTimersByTime(29_000);
    client.sendContent('b');
    await vi.waitFor(() => expect(client.lines).toHaveLength(2), SOON);
    vi.advanceTimersByTime(29_000);
    expect(client.end).toBeNull();
    vi.advanceTimersByTime(1_000);
    await vi.waitFor(() => expect(client.end).toBe('cut'), SOON);
    expect(client.lines).toHaveLength(2);
    expect(service.lines().at(-1)).toMatchObject({ msg: 'request', mode: 'stream', end: 'stopped', saved: 2 });
  });

  test('is not to blame while the store is asked', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    service.items.onSave = async () => {
      await promise;
      return { kind: 'in_progress' };
    };
    clock();
    using client = new LineClient(url);
    await client.read();
    client.sendContent('a');
    await vi.waitFor(() => expect(service.items.saves).toHaveLength(1), SOON);
    vi.advanceTimersByTime(60_000);
    resolve();
    await vi.waitFor(() => expect(client.lines).toHaveLength(1), SOON);
    client.outgoing.end();
    await vi.waitFor(() => expect(client.end).toBe('complete'), SOON);
  });
});

test('a client that leaves: what was begun is saved, nothing more is, and one log line says so', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const decide = service.items.onSave;
  service.items.onSave = async (request) => {
    await promise;
    return decide(request);
  };
  const client = new LineClient(url);
  await client.head();
  client.send('{"content":"a"}\n{"content":"b"}\n{"cont');
  await vi.waitFor(() => expect(service.items.saves).toHaveLength(2), SOON);
  client[Symbol.dispose]();
  resolve();
  await vi.waitFor(() => expect(service.lines().filter(({ msg }) => msg === 'request')).toHaveLength(1), SOON);
  expect(service.lines().at(-1)).toMatchObject({ status: 200, mode: 'stream', end: 'gone', saved: 2, failed: 0 });
});

test('a stop answers what was begun and then cuts the connection, so that the rest is known to be missing', async () => {
  await using other = await createTestApp();
  await other.app.listen({ host: '127.0.0.1', port: 0 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const decide = other.items.onSave;
  other.items.onSave = async (request) => {
    await promise;
    return decide(request);
  };
  using client = new LineClient(`http://127.0.0.1:${(other.app.server.address() as AddressInfo).port}`);
  await client.read();
  client.send('{"content":"a"}\n{"content":"b"}\n');
  await vi.waitFor(() => expect(other.items.saves).toHaveLength(2), SOON);
  other.readiness.drain();
  problemOf(
    await other.app.inject({
      method: 'POST',
      url: '/v1/items/batch',
      headers: { 'content-type': 'application/x-ndjson' },
      payload: '{"content":"c"}\n',
    }),
    503,
    'draining',
  );
  const closed = other.app.close();
  resolve();
  await vi.waitFor(() => expect(client.end).toBe('cut'), SOON);
  expect(client.lines.map(({ item }) => item?.content)).toEqual(['a', 'b']);
  expect(client.text.endsWith('\n')).toBe(true);
  await closed;
});
