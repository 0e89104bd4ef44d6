// The HTTP contract as clients meet it: through nginx, with everything that nginx adds, decides and must leave alone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, bodyOf, ContractStack, JSON_BODY } from '../support/contract-stack.ts';
import { problemInBody } from '../support/problem-of.ts';

let service: ContractStack;
beforeAll(async () => {
  service = await ContractStack.start();
});
afterAll(() => service[Symbol.asyncDispose]());

type Item = { readonly id: string; readonly content: unknown; readonly source: string; readonly createdAt: string };
const itemOf = ({ body }: Answer) => JSON.parse(body) as Item;
const itemsOf = ({ body }: Answer) => (JSON.parse(body) as { items: Item[] }).items;

describe('one item', () => {
  test('201 with Location, ETag and the item, and 409 with the original', async () => {
    const saved = await service.save('one');
    const item = itemOf(saved);
    expect(saved).toMatchObject({
      statusCode: 201,
      headers: {
        location: `/v1/items/${item.id}`,
        etag: `"${item.id}"`,
        'content-type': expect.stringMatching(/^application\/json/) as string,
      },
    });
    expect(item).toMatchObject({ content: 'one', source: 'anonymous' });
    const duplicate = await service.save('one');
    expect(problemInBody(duplicate, '/v1/items', 409, 'duplicate-item').item).toEqual(item);
    expect(duplicate.headers.location).toBe(saved.headers.location);
  });

  test('200 and the original with Prefer: handling=lenient', async () => {
    const item = itemOf(await service.save('lenient'));
    const answer = await service.save('lenient', { prefer: 'handling=lenient' });
    expect(answer).toMatchObject({ statusCode: 200, headers: { 'preference-applied': 'handling=lenient' } });
    expect(bodyOf(answer)).toEqual(item);
  });

  test('201 and Idempotent-Replayed for the same key, 422 for another content under it', async () => {
    const key = { 'idempotency-key': '"a key"' };
    expect((await service.save('keyed', key)).headers).not.toHaveProperty('idempotent-replayed');
    expect(await service.save('keyed', key)).toMatchObject({
      statusCode: 201,
      headers: { 'idempotent-replayed': 'true' },
    });
    problemInBody(await service.save('other', key), '/v1/items', 422, 'idempotency-key-reused');
  });

  test('an attempt id of the client does not reach the service', async () => {
    const attempt = { 'x-attempt-id': 'mine' };
    await service.save('attempt', attempt);
    expect((await service.save('attempt', attempt)).statusCode).toBe(409);
  });
});

describe('reading', () => {
  test('an item, with a strong ETag and 304', async () => {
    const { id } = itemOf(await service.save('to be read'));
    const found = await service.ask('GET', `/v1/items/${id}`);
    expect(found).toMatchObject({ statusCode: 200, headers: { etag: `"${id}"` } });
    expect(itemOf(found).content).toBe('to be read');
    expect(await service.ask('GET', `/v1/items/${id}`, { 'if-none-match': `"${id}"` })).toMatchObject({
      statusCode: 304,
      body: '',
    });
    problemInBody(await service.ask('GET', '/v1/items/1-0-0'), '/v1/items/1-0-0', 404, 'item-not-found');
  });

  test('compressed, with a weak ETag that is as good for a 304', async () => {
    const { id } = itemOf(await service.save(`to be compressed ${'z'.repeat(5_000)}`));
    const gzip = { 'accept-encoding': 'gzip' };
    const found = await service.ask('GET', `/v1/items/${id}`, gzip);
    expect(found.headers).toMatchObject({ 'content-encoding': 'gzip', etag: `W/"${id}"`, vary: 'Accept-Encoding' });
    expect(itemOf(found).id).toBe(id);
    const again = await service.ask('GET', `/v1/items/${id}`, { ...gzip, 'if-none-match': `W/"${id}"` });
    expect(again).toMatchObject({ statusCode: 304, body: '' });
    const small = itemOf(await service.save('small'));
    expect((await service.ask('GET', `/v1/items/${small.id}`, gzip)).headers).not.toHaveProperty('content-encoding');
  });

  test('HEAD is a GET without the body', async () => {
    const { id } = itemOf(await service.save('only the head'));
    expect(await service.ask('HEAD', `/v1/items/${id}`)).toMatchObject({
      statusCode: 200,
      headers: { etag: `"${id}"` },
      body: '',
    });
    expect(await service.ask('HEAD', '/v1/items/1-0-0')).toMatchObject({ statusCode: 404, body: '' });
  });

  test('a list page by page, through its Link', async () => {
    for (const n of [1, 2, 3]) await service.save(`listed ${n}`);
    const first = await service.ask('GET', '/v1/items?limit=2');
    expect(itemsOf(first)).toHaveLength(2);
    const [, next = ''] = /^<([^>]+)>; rel="next"$/.exec(String(first.headers.link)) ?? [];
    const second = itemsOf(await service.ask('GET', next));
    expect(second).toHaveLength(2);
    expect(second[0]?.id).not.toBe(itemsOf(first)[0]?.id);
    problemInBody(await service.ask('GET', '/v1/items?limit=0'), '/v1/items', 422, 'validation-failed');
  });
});

describe('what is not there, not allowed or too much', () => {
  test.each([
    ['/v1/items', 'GET, HEAD, OPTIONS, POST'],
    ['/v1/items/batch', 'OPTIONS, POST'],
  ])('%s: OPTIONS names its methods, and others are 405', async (path, allow) => {
    expect(await service.ask('OPTIONS', path)).toMatchObject({ statusCode: 204, headers: { allow } });
    const answer = await service.ask('PUT', path, JSON_BODY, '{}');
    problemInBody(answer, path, 405, 'method-not-allowed');
    expect(answer.headers.allow).toBe(allow);
  });

  test.each(['/nothing', '/batch-as-json', '/problem/bad-gateway', '/metrics'])('404 for %s', async (path) => {
    const answer = await service.ask('GET', path);
    expect(bodyOf(answer)).toMatchObject({ status: 404, code: 'not-found', requestId: answer.headers['x-request-id'] });
  });

  test.each([
    ['/v1/items', 409_601, '409600 bytes.'],
    ['/v1/items/batch', 8_388_609, '8388608 bytes; more can be sent as application/x-ndjson'],
    ['/v1/items/batch?first=2', 8_388_609, '8388608 bytes; more can be sent as application/x-ndjson'],
  ])('413 for %s with %d bytes, announced or in pieces', async (path, bytes, detail) => {
    for (const body of [' '.repeat(bytes), [' '.repeat(bytes - 1), ' ']]) {
      const answer = await service.ask('POST', path, JSON_BODY, body);
      expect(bodyOf(answer)).toMatchObject({
        status: 413,
        code: 'payload-too-large',
        detail: expect.stringContaining(detail) as string,
        requestId: answer.headers['x-request-id'],
      });
    }
  });

  test.each(['/v1/items', '/v1/items/batch'])('415 for another media type, 400 for no JSON: %s', async (path) => {
    const answer = await service.ask('POST', path, { 'content-type': 'text/plain' }, 'a');
    expect(problemInBody(answer, path, 415).code).toBe('unsupported-media-type');
    expect(problemInBody(await service.ask('POST', path, JSON_BODY, '{'), path, 400).code).toBe('malformed-json');
  });

  test('a caller’s X-Request-Id comes back with every kind of answer', async () => {
    const headers = { 'x-request-id': 'caller-1' };
    const answers = [
      await service.save('with an id', headers),
      await service.batch(['a'], headers),
      await service.ask('GET', '/nothing', headers),
      // Two of nginx's own.
      await service.ask('GET', '/problem/bad-gateway', headers),
      await service.ask('POST', '/v1/items', { ...JSON_BODY, ...headers }, ' '.repeat(409_601)),
    ];
    expect(answers.map((answer) => answer.headers['x-request-id'])).toEqual(answers.map(() => 'caller-1'));
  });

  test.each(['a"b', 'a,b', 'x'.repeat(129)])('an X-Request-Id that is not one is replaced: %s', async (given) => {
    for (const path of ['/nothing', '/problem/bad-gateway']) {
      const answer = await service.ask('GET', path, { 'x-request-id': given });
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{32,36}$/);
      expect(bodyOf(answer)).toMatchObject({ requestId: answer.headers['x-request-id'] });
    }
  });
});
