// POST /v1/items/batch as one JSON body: each item is judged by itself, answered in order, and counted.
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { ServiceFailure } from '../../src/items/errors.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp, type Headers, PROXY_ADDRESS } from '../support/test-app.ts';

const service = await createTestApp();
beforeEach(() => service.reset());
afterAll(() => service.app.close());

const send = (payload: string, headers: Headers = {}, url = '/v1/items/batch', remoteAddress?: string) =>
  service.app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', ...headers },
    payload,
    ...(remoteAddress !== undefined && { remoteAddress }),
  });
const batch = (contents: unknown[], headers?: Headers, url?: string, remoteAddress?: string) =>
  send(JSON.stringify({ items: contents.map((content) => ({ content })) }), headers, url, remoteAddress);

const item = (content: unknown) => expect.objectContaining({ content, source: 'anonymous' }) as unknown;

test('200 with a result for each item in order when each is saved or a duplicate', async () => {
  await service.save('old');
  const answer = await batch(['new', 'old', { a: 1 }, 'new']);
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toEqual({
    results: [
      { status: 201, item: item('new') },
      { status: 409, code: 'duplicate-item', item: item('old') },
      { status: 201, item: item({ a: 1 }) },
      { status: 409, code: 'duplicate-item', item: item('new') },
    ],
    saved: 2,
    replayed: 0,
    duplicates: 2,
    failed: 0,
  });
});

test('207 when one fails; a bad item fails alone, with pointers into the body', async () => {
  const body =
    '{"items":[{"content":"a"},{"content":5},7,{"content":{"n":[1e400]}},{"content":"b","x":1},{"content":"c"}]}';
  const answer = await send(body);
  expect(answer.statusCode).toBe(207);
  const { results, ...counts } = answer.json<{ results: { status: number; errors?: { pointer: string }[] }[] }>();
  expect(counts).toEqual({ saved: 2, replayed: 0, duplicates: 0, failed: 4 });
  expect(results.map(({ status }) => status)).toEqual([201, 422, 422, 422, 422, 201]);
  const pointers = results.map(({ errors }) => errors?.map(({ pointer }) => pointer));
  expect(pointers.slice(1, 5)).toEqual([['/items/1/content'], ['/items/2'], ['/items/3/content/n/0'], ['/items/4/x']]);
});

test.each([
  ['overloaded', 503],
  ['store-unavailable', 503],
  ['storage-full', 507],
] as const)('an item that meets %s has that result, and the others theirs', async (code, status) => {
  const decide = service.items.onSave;
  service.items.onSave = (request) =>
    request.content.text === 'bad' ? Promise.reject(new ServiceFailure(code, 'inside')) : decide(request);
  const answer = await batch(['a', 'bad', 'b']);
  expect(answer.statusCode).toBe(207);
  const { results } = answer.json<{ results: Record<string, unknown>[] }>();
  expect(results.map((result) => result['status'])).toEqual([201, status, 201]);
  expect(results[1]).toEqual({ status, code, detail: expect.not.stringContaining('inside') as string });
});

test('a content that is being saved elsewhere is 409 save-in-progress, and counts as failed', async () => {
  service.items.onSave = async () => ({ kind: 'in_progress' });
  const answer = await batch(['a']);
  expect(answer.statusCode).toBe(207);
  expect(answer.json()).toMatchObject({ results: [{ status: 409, code: 'save-in-progress' }], failed: 1 });
});

test('a bug in one item is its 500 alone, and is logged with its stack', async () => {
  const decide = service.items.onSave;
  service.items.onSave = (request) =>
    request.content.text === 'bad' ? Promise.reject(new TypeError('oops')) : decide(request);
  const answer = await batch(['a', 'bad']);
  expect(answer.json()).toMatchObject({ results: [{ status: 201 }, { status: 500, code: 'internal-error' }] });
  expect(answer.body).not.toContain('oops');
  expect(service.lines()).toEqual([
    expect.objectContaining({
      level: 'error',
      err: expect.objectContaining({ message: 'oops' }) as unknown,
    }) as unknown,
  ]);
});

describe('what is wrong around the items fails the whole request', () => {
  test.each([
    ['{"items":[]}', 422, '/items'],
    ['{"items":{}}', 422, '/items'],
    ['{}', 422, '/items'],
    ['[]', 422, ''],
    ['{"items":[{"content":"a"}],"more":1}', 422, '/more'],
    ['{"items":[{"content":"a"}],"items":[{"content":"a"}]}', 422, '/items'],
  ])('%s is %d', async (body, status, pointer) => {
    const problem = problemOf(await send(body), status, 'validation-failed');
    expect(problem.errors?.map((error) => error.pointer)).toEqual([pointer]);
    expect(service.items.saves).toEqual([]);
  });

  test('JSON that is none is 400', async () => {
    expect(problemOf(await send('{"items":['), 400).code).toBe('malformed-json');
    expect(problemOf(await send(''), 400).code).toBe('malformed-json');
  });

  test('1,000 items are taken, and one more is 422 and told of the other form', async () => {
    const contents = Array.from({ length: 1_001 }, (_, n) => `${n}`);
    expect((await batch(contents.slice(1))).json()).toMatchObject({ saved: 1_000, failed: 0 });
    const problem = problemOf(await batch(contents), 422, 'validation-failed');
    expect(problem.errors).toEqual([{ pointer: '/items', detail: expect.stringContaining('x-ndjson') as string }]);
  });

  test('more than 8 MiB is 413 and told of the other form', async () => {
    const most = `{"items":[{"content":"a"}${' '.repeat(8_388_608 - 27)}]}`;
    expect((await send(most)).statusCode).toBe(200);
    expect(problemOf(await send(` ${most}`), 413, 'payload-too-large').detail).toMatch(/8388608.*x-ndjson/);
  });

  test('another media type is 415 and told of both', async () => {
    const answer = await send('a', { 'content-type': 'text/plain' });
    expect(problemOf(answer, 415, 'unsupported-media-type').detail).toMatch(/application\/json or .*x-ndjson/);
  });

  test.each(['0', '-1', '1.5', 'x', '', '1&first=2'])('first=%s is 422', async (first) => {
    const problem = problemOf(await batch(['a'], {}, `/v1/items/batch?first=${first}`), 422, 'validation-failed');
    expect(problem.errors?.map(({ parameter }) => parameter)).toEqual(['first']);
  });
});

test('too many bodies at a time are refused with 503 before they are read, and not remembered', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const decide = service.items.onSave;
  service.items.onSave = async (request) => {
    await promise;
    return decide(request);
  };
  const body = `{"items":[{"content":"a"}${' '.repeat(8_388_608 - 27)}]}`;
  const held = Array.from({ length: 8 }, () => send(body));
  // 64 MiB of JSON are read first, which takes a busy machine seconds.
  await expect.poll(() => service.items.saves.length, { timeout: 30_000 }).toBe(8);
  problemOf(await batch(['a']), 503, 'overloaded');
  resolve();
  await Promise.all(held);
  expect((await batch(['a'])).statusCode).toBe(200);
}, 60_000);

describe('a request that is sent again finds what it saved', () => {
  test('by its Idempotency-Key and the numbers of its items', async () => {
    const key = { 'idempotency-key': 'k' };
    await batch(['a', 'b', 'a'], key);
    expect((await batch(['a', 'b', 'a', 'c'], key)).json()).toMatchObject({
      results: [
        { status: 201, replayed: true },
        { status: 201, replayed: true },
        { status: 409, code: 'duplicate-item' },
        { status: 201, item: item('c') },
      ],
      saved: 1,
      replayed: 2,
      duplicates: 1,
    });
    // From its second item on, with the numbers that they had.
    const rest = await batch(['b', 'a'], key, '/v1/items/batch?first=2');
    expect(rest.json()).toMatchObject({ results: [{ status: 201, replayed: true }, { status: 409 }] });
    expect((await batch(['b'], key)).json()).toMatchObject({ results: [{ status: 409 }] });
  });

  test('by the attempt id of the proxy, and only of the proxy', async () => {
    const attempt = { 'x-attempt-id': 'one' };
    await batch(['a'], attempt, undefined, PROXY_ADDRESS);
    expect((await batch(['a'], attempt, undefined, PROXY_ADDRESS)).json()).toMatchObject({ replayed: 1 });
    expect((await batch(['a'], attempt)).json()).toMatchObject({ duplicates: 1 });
  });

  test('without either nothing is taken for it', async () => {
    await batch(['a']);
    expect((await batch(['a'])).json()).toMatchObject({ duplicates: 1 });
  });
});

test('counts every item under mode batch, and in the log line', async () => {
  const before = structuredClone(await service.metrics.itemSaves.get());
  await batch(['a', 'a', 5]);
  const after = await service.metrics.itemSaves.get();
  const grown = after.values.flatMap(({ value, labels }, i) =>
    value === before.values[i]?.value ? [] : [{ ...labels, by: value - (before.values[i]?.value ?? 0) }],
  );
  expect(grown).toEqual(['saved', 'duplicate', 'invalid'].map((outcome) => ({ outcome, mode: 'batch', by: 1 })));
  expect(service.lines()).toEqual([
    expect.objectContaining({ status: 207, mode: 'batch', saved: 1, replayed: 0, duplicates: 1, failed: 1 }) as unknown,
  ]);
});
