// GET and HEAD of everything that has a validator: strong ETags, If-None-Match, 304, what a cache may do.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestApp } from '../support/test-app.ts';

const service = await createTestApp();
beforeAll(async () => {
  for (const content of ['one', 'two', 'three']) await service.save(content);
});
afterAll(() => service.app.close());

const ITEM = '/v1/items/1763712000000-0-7';

describe.each([
  [ITEM, 'no-cache'],
  ['/v1/items', 'no-cache'],
  ['/v1/items?limit=2', 'no-cache'],
  ['/openapi.json', 'no-cache'],
  ['/docs', 'no-cache'],
  ['/docs/start.js', 'no-cache'],
  ['/docs/swagger-ui.css', 'no-cache'],
  ['/docs/swagger-ui-bundle.js', 'no-cache'],
  ['/docs/favicon-32x32.png', 'no-cache'],
  ['/problems', 'public, max-age=3600'],
  ['/problems/duplicate-item', 'public, max-age=3600'],
])('%s', (url, cacheControl) => {
  test('has a strong ETag, the same for the same bytes, and says what a cache may do', async () => {
    const [first, again] = [await service.get(url), await service.get(url)];
    expect(first.statusCode).toBe(200);
    expect(first.headers['etag']).toMatch(/^"[\w-]{17,}"$/);
    expect(first.headers['cache-control']).toBe(cacheControl);
    expect([again.headers['etag'], again.body]).toEqual([first.headers['etag'], first.body]);
  });

  test('HEAD answers the same without a body', async () => {
    const [head, get] = [await service.app.inject({ method: 'HEAD', url }), await service.get(url)];
    expect(head.statusCode).toBe(get.statusCode);
    expect(head.body).toBe('');
    expect(withoutTheirOwn(head.headers)).toEqual(withoutTheirOwn(get.headers));
  });

  test.each([
    ['the ETag', (etag: string) => etag, 304],
    ['the ETag, weak', (etag: string) => `W/${etag}`, 304],
    ['a list with it', (etag: string) => `"x", W/"y" ,${etag}`, 304],
    ['*', () => '*', 304],
    ['another ETag', () => '"1-0-0"', 200],
    ['the ETag without quotes', (etag: string) => etag.slice(1, -1), 200],
    ['an ETag that contains it', (etag: string) => `"x${etag.slice(1)}`, 200],
    ['nothing', () => '', 200],
  ])('If-None-Match: %s', async (_name, value, status) => {
    const plain = await service.get(url);
    const headers = { 'if-none-match': value(String(plain.headers['etag'])) };
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = await service.app.inject({ method, url, headers });
      expect(answer.statusCode).toBe(status);
      expect(answer.body).toBe(status === 304 || method === 'HEAD' ? '' : plain.body);
      // RFC 9110, section 15.4.5: what a 200 would have said of caching.
      for (const name of ['etag', 'cache-control']) expect(answer.headers[name]).toBe(plain.headers[name]);
      expect('content-type' in answer.headers).toBe(status === 200);
      expect('content-length' in answer.headers).toBe(status === 200);
    }
  });
});

test.each(['/livez', '/readyz', '/metrics', '/v1/items/1-0-0', '/problems/nothing', '/unknown'])(
  'HEAD %s answers as GET does, whatever that is',
  async (url) => {
    const [head, get] = [await service.app.inject({ method: 'HEAD', url }), await service.get(url)];
    expect(head.statusCode).toBe(get.statusCode);
    expect(head.body).toBe('');
    expect(Object.keys(withoutTheirOwn(head.headers))).toEqual(Object.keys(withoutTheirOwn(get.headers)));
  },
);

test('a page that changes has another ETag, and so has the same page of the other order', async () => {
  const etags = new Set<unknown>();
  for (const url of ['/v1/items', '/v1/items?order=desc', '/v1/items?limit=1']) {
    etags.add((await service.get(url)).headers['etag']);
  }
  const before = (await service.get('/v1/items')).headers['etag'] as string;
  await service.save('four');
  const after = await service.get('/v1/items', { 'if-none-match': before });
  expect(after.statusCode).toBe(200);
  etags.add(after.headers['etag']);
  expect(etags.size).toBe(4);
});

/** Without what differs from answer to answer. */
function withoutTheirOwn(headers: Record<string, unknown>): Record<string, unknown> {
  const { date: _date, 'x-request-id': _id, ...others } = headers;
  return others;
}
