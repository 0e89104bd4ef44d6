// GET /v1/items/{id} and GET /v1/items: items, validators, pages, cursors, and what is wrong with a query.
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { ServiceFailure } from '../../src/items/errors.ts';
import type { Item } from '../../src/items/item.ts';
import { encodeCursor } from '../../src/items/list-cursor.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp } from '../support/test-app.ts';

type Page = { items: Item[]; nextCursor: string | null };

const service = await createTestApp();
const saved: Item[] = [];
beforeEach(async () => {
  service.reset();
  saved.length = 0;
  for (const content of ['one', 'two', 'three', 'four', 'five']) saved.push((await service.save(content)).json());
});
afterAll(() => service.app.close());

describe('GET /v1/items/{id}', () => {
  test('200, the item, and the ETag of its 201', async () => {
    const created = await service.save('six');
    const answer = await service.get(created.headers['location'] as string);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).toMatchObject({
      etag: created.headers['etag'],
      'content-type': 'application/json; charset=utf-8',
    });
    expect(answer.json()).toEqual(created.json());
  });

  test.each([
    '1763712000000-99-7',
    '1763712000000-0-8',
    '0-0-0',
    '01763712000000-0-7',
    '1763712000000-0',
    '1763712000000-0-7-0',
    '-1-0-7',
    '1763712000000-0-7%20',
    '1763712000000-0-%37%00',
    '99999999999999999999-0-0',
    'nonsense',
    '%F0%9F%98%80',
    '..%2f..%2fetc',
    '__proto__',
    '1'.repeat(101),
    '9'.repeat(16_000),
  ])('404 for %s', async (id) => {
    expect(problemOf(await service.get(`/v1/items/${id}`))).toMatchObject({ status: 404, code: 'item-not-found' });
    // Not there is not there, whatever the client has.
    expect(problemOf(await service.get(`/v1/items/${id}`, { 'if-none-match': '*' }))).toMatchObject({
      status: 404,
      code: 'item-not-found',
    });
  });

  test.each(['/v1/items/1763712000000-0-7', '/v1/items'])('503 for %s while the store is away', async (url) => {
    service.items.onRead = () => Promise.reject(new ServiceFailure('store-unavailable', 'ECONNREFUSED 10.1.2.3'));
    const answer = await service.get(url);
    expect(problemOf(answer)).toMatchObject({ status: 503, code: 'store-unavailable' });
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.body).not.toMatch(/ECONN|10\.1/);
  });

  test.each(['/v1/items/1763712000000-0-7', '/v1/items'])('500 for %s on a bug, without internals', async (url) => {
    service.items.onRead = () => Promise.reject(new RangeError('/src/secret.ts'));
    const answer = await service.get(url);
    expect(problemOf(answer)).toMatchObject({ status: 500, code: 'internal-error' });
    expect(answer.body).not.toMatch(/RangeError|secret/);
  });
});

/** Reads page after page by the Link header alone. */
const follow = async (first: string): Promise<{ ids: string[]; pages: number }> => {
  const ids: string[] = [];
  let pages = 0;
  for (let url: string | undefined = first; url !== undefined; pages++) {
    const answer = await service.get(url);
    expect(answer.statusCode).toBe(200);
    const { items, nextCursor } = answer.json<Page>();
    ids.push(...items.map(({ id }) => id));
    const link = answer.headers['link'] as string | undefined;
    const target = link === undefined ? undefined : /^<(\/v1\/items\?[^>]+)>; rel="next"$/.exec(link)?.[1];
    const cursor = target === undefined ? null : new URL(target, 'http://x').searchParams.get('cursor');
    expect(cursor).toBe(nextCursor);
    url = target;
  }
  return { ids, pages };
};

describe('GET /v1/items', () => {
  test('all items in the order of their ids, without a next page', async () => {
    const answer = await service.get('/v1/items');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ items: saved, nextCursor: null });
    expect(answer.headers).not.toHaveProperty('link');
  });

  test('none at all', async () => {
    service.reset();
    expect((await service.get('/v1/items')).json()).toEqual({ items: [], nextCursor: null });
  });

  test.each([1, 2, 5, 1_000])('pages of %d, in both orders, hold every item once', async (limit) => {
    const ids = saved.map(({ id }) => id);
    const pages = Math.ceil(ids.length / limit);
    expect(await follow(`/v1/items?limit=${limit}`)).toEqual({ ids, pages });
    expect(await follow(`/v1/items?order=asc&limit=${limit}`)).toEqual({ ids, pages });
    expect(await follow(`/v1/items?order=desc&limit=${limit}`)).toEqual({ ids: ids.toReversed(), pages });
  });

  test('a cursor works with another limit, with its own order, and after inserts', async () => {
    const { nextCursor } = (await service.get('/v1/items?limit=2&order=desc')).json<Page>();
    await service.save('six');
    for (const query of ['', '&limit=3', '&order=desc']) {
      const { items } = (await service.get(`/v1/items?cursor=${nextCursor}${query}`)).json<Page>();
      expect(items.map(({ content }) => content)).toEqual(['three', 'two', 'one']);
    }
  });

  test('HEAD answers without a body', async () => {
    const answer = await service.app.inject({ method: 'HEAD', url: '/v1/items?limit=1' });
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toBe('');
    expect(answer.headers).toHaveProperty('link');
  });
});

describe('422 for a query', () => {
  const position = { ms: 1, seq: 0 };
  const cursorFor = (partitions: number) =>
    encodeCursor({ order: 'asc', positions: Array.from({ length: partitions }, () => position) });

  test.each([
    ...['0', '1001', '-1', '1e2', '01', 'abc', '', '1.5', '+1', '%201', '9'.repeat(400), '1&limit=2'].map((limit) => [
      `limit=${limit}`,
      'limit',
    ]),
    ...['', 'x', '!!', 'YTA', cursorFor(15), cursorFor(17), `${cursorFor(16)}A`, 'a'.repeat(20_000)].map((cursor) => [
      `cursor=${cursor}`,
      'cursor',
    ]),
    [`cursor=${cursorFor(16)}&cursor=${cursorFor(16)}`, 'cursor'],
    [`cursor=${cursorFor(16)}&order=desc`, 'cursor'],
    ...['', 'ASC', 'up', 'asc&order=asc'].map((order) => [`order=${order}`, 'order']),
    ...['offset=1', 'Limit=1', '__proto__=1', 'constructor=1', 'limit%00=1'].map((query) => [
      query,
      decodeURIComponent(query.split('=')[0] ?? ''),
    ]),
  ])('?%s', async (query, parameter) => {
    const answer = await service.get(`/v1/items?${query}`);
    const { errors } = problemOf(answer, 422, 'validation-failed');
    expect(errors).toEqual([{ parameter, detail: expect.stringMatching(/\S/) as string }]);
  });

  test('every wrong parameter is named', async () => {
    const { errors } = problemOf(await service.get('/v1/items?limit=0&order=up&x=1'), 422, 'validation-failed');
    expect(errors?.map(({ parameter }) => parameter).toSorted()).toEqual(['limit', 'order', 'x']);
  });
});
