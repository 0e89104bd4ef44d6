// What holds for every address: methods, unknown addresses, request ids, draining, problem pages, probes and metrics.
import { METHODS } from 'node:http';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { buildApp, buildOpsApp } from '../../src/app.ts';
import { PROBLEMS } from '../../src/http/problems.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp } from '../support/test-app.ts';

const service = await createTestApp();
beforeEach(() => service.reset());
afterAll(() => service.app.close());

const ALLOWED: Readonly<Record<string, string>> = {
  '/v1/items': 'GET, HEAD, OPTIONS, POST',
  '/v1/items/1763712000000-0-7': 'DELETE, GET, HEAD, OPTIONS',
  '/v1/items/feed': 'GET, HEAD, OPTIONS',
  '/v1/stats': 'GET, HEAD, OPTIONS',
  '/openapi.json': 'GET, HEAD, OPTIONS',
  '/docs': 'GET, HEAD, OPTIONS',
  '/docs/swagger-ui.css': 'GET, HEAD, OPTIONS',
  '/problems': 'GET, HEAD, OPTIONS',
  '/v1/items/lookup': 'OPTIONS, POST',
  '/problems/duplicate-item': 'GET, HEAD, OPTIONS',
  '/livez': 'GET, HEAD, OPTIONS',
  '/readyz': 'GET, HEAD, OPTIONS',
  '/metrics': 'GET, HEAD, OPTIONS',
};

describe.each(Object.entries(ALLOWED))('%s', (url, allow) => {
  // CONNECT asks a proxy for a tunnel and never arrives at an address; the answer to HEAD has no problem to look at.
  const wrong = METHODS.filter(
    (method) => method !== 'CONNECT' && method !== 'HEAD' && !allow.split(', ').includes(method),
  );

  test('405 with Allow for every other method, whatever comes along', async () => {
    expect(wrong).toEqual(expect.arrayContaining(['PATCH', 'PUT', 'TRACE']));
    const loads = [
      {},
      { payload: '{"content":', headers: { 'content-type': 'application/json' } },
      { payload: '<a/>', headers: { 'content-type': 'text/xml', 'content-encoding': 'gzip' } },
    ];
    for (const [i, method] of wrong.entries()) {
      const answer = await service.app.inject({ method, url, ...loads[i % loads.length] } as never);
      expect(problemOf(answer)).toMatchObject({ status: 405, code: 'method-not-allowed' });
      expect(answer.headers['allow']).toBe(allow);
    }
    expect(service.items.saves).toEqual([]);
  });

  test.each([
    ['nothing', {}],
    ['a body', { payload: '<a/>', headers: { 'content-type': 'text/xml' } }],
    ['a preflight', { headers: { origin: 'https://x.example', 'access-control-request-method': 'POST' } }],
  ])('OPTIONS with %s: 204 with Allow and nothing else', async (_name, load) => {
    const answer = await service.app.inject({ method: 'OPTIONS', url, ...load });
    expect(answer.statusCode).toBe(204);
    expect(answer.headers['allow']).toBe(allow);
    expect(answer.headers).toHaveProperty('x-request-id');
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.body).toBe('');
  });
});

describe('404', () => {
  test.each([
    '/',
    '/v1',
    '/v2/items',
    '/v1/item',
    '/V1/items',
    '//v1/items',
    '/v1/items/1/2',
    '/items',
    '/favicon.ico',
  ])('%s, with every method and whatever comes along', async (url) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'] as const) {
      const load = method === 'GET' ? {} : { payload: 'x', headers: { 'content-type': 'nonsense' } };
      expect(problemOf(await service.app.inject({ method, url, ...load }))).toMatchObject({
        status: 404,
        code: 'not-found',
      });
    }
  });

  test.each(['nothing', '__proto__', 'constructor', 'x'.repeat(5_000), '%00'])('/problems/%s', async (slug) => {
    expect(problemOf(await service.get(`/problems/${slug}`))).toMatchObject({ status: 404, code: 'not-found' });
  });

  test.each(['/%zz', '/v1/items/%zz', '/v1/items/%', '/problems/%ff', '/v1/items/%c3%28'])(
    '400 for %s',
    async (url) => {
      expect(problemOf(await service.get(url))).toMatchObject({ status: 400, code: 'bad-request' });
    },
  );
});

describe('X-Request-Id', () => {
  const ANSWERS = ['/livez', '/metrics', '/v1/items', '/v1/items/1-0-0', '/unknown', '/%zz', '/v1/items?limit=0'];

  test.each(ANSWERS)("%s takes the caller's when it is well formed", async (url) => {
    for (const id of [
      'a',
      'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
      'Root=1-67891233-abc/x:y+z@w_v.u',
      'x'.repeat(128),
    ]) {
      expect((await service.get(url, { 'x-request-id': id })).headers['x-request-id']).toBe(id);
    }
  });

  test.each(ANSWERS)('%s makes a new one for each request without', async (url) => {
    const ids = [];
    for (const headers of [{}, {}, ...BAD_IDS.map((id) => ({ 'x-request-id': id }))]) {
      ids.push((await service.get(url, headers)).headers['x-request-id']);
    }
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(ids).size).toBe(ids.length);
  });

  const BAD_IDS = ['', ' ', 'a b', 'a,b', 'a"b', 'a\tb', '<script>', 'caf\u00e9', '{}', 'x'.repeat(129)];
});

test('while draining every answer ends its connection', async () => {
  await using draining = await createTestApp();
  draining.readiness.drain();
  const answers = await Promise.all([
    draining.save('hello'),
    draining.save(5),
    draining.get('/v1/items'),
    draining.get('/livez'),
    draining.get('/metrics'),
    draining.get('/unknown'),
    draining.get('/%zz'),
    draining.app.inject({ method: 'OPTIONS', url: '/v1/items' }),
    draining.app.inject({ method: 'PUT', url: '/v1/items' }),
  ]);
  expect(answers.map(({ headers }) => headers['connection'])).toEqual(answers.map(() => 'close'));
  expect(answers[0].statusCode).toBe(201);
});

describe('problem pages', () => {
  test.each(Object.entries(PROBLEMS))('/problems/%s', async (slug, { status, title, advice }) => {
    const answer = await service.get(`/problems/${slug}`);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    for (const text of [slug, String(status), title, advice]) expect(answer.body).toContain(text);
  });

  test('/problems leads to each of them', async () => {
    const { statusCode, body } = await service.get('/problems');
    expect(statusCode).toBe(200);
    const links = [...body.matchAll(/<a href="([^"]+)"/g)].map(([, href]) => href);
    expect(links).toEqual(Object.keys(PROBLEMS).map((slug) => `/problems/${slug}`));
  });

  test('every code of the design is a problem with its status', () => {
    const statuses = Object.fromEntries(Object.entries(PROBLEMS).map(([code, { status }]) => [code, status]));
    expect(statuses).toMatchObject({
      'duplicate-item': 409,
      'idempotency-key-reused': 422,
      'save-in-progress': 409,
      'store-unavailable': 503,
      'not-replicated': 503,
      overloaded: 503,
      draining: 503,
      'storage-full': 507,
    });
  });
});

describe.each([
  ['the application', buildApp],
  ["the operators' application", buildOpsApp],
])('probes and metrics of %s', (_name, build) => {
  test('/livez says that the process lives, in every state', async () => {
    await using ops = await createTestApp({}, build);
    for (const change of [() => {}, () => ops.readiness.started(), () => ops.readiness.drain()]) {
      change();
      const answer = await ops.get('/livez');
      expect(answer.statusCode).toBe(200);
      expect(answer.json()).toEqual({ status: 'alive' });
    }
  });

  test('/readyz is 503 while starting and draining, 200 between', async () => {
    await using ops = await createTestApp({}, build);
    const ask = async () => {
      const answer = await ops.get('/readyz');
      expect(answer.headers['cache-control']).toBe('no-store');
      return answer;
    };
    const whyNot = async () => {
      const answer = await ask();
      expect(answer.headers['retry-after']).toBe('1');
      const { state, storeReachable } = problemOf(answer, 503, 'not-ready');
      return [state, storeReachable];
    };
    expect(await whyNot()).toEqual(['starting', false]);
    ops.readiness.storeAnswered(true);
    ops.readiness.started();
    const ready = await ask();
    expect(ready.statusCode).toBe(200);
    expect(ready.json()).toEqual({ status: 'ready', storeReachable: true });
    ops.readiness.drain();
    expect(await whyNot()).toEqual(['draining', true]);
  });

  test('/metrics is Prometheus text', async () => {
    await using ops = await createTestApp({}, build);
    const answer = await ops.get('/metrics');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.body).toMatch(/^# HELP /);
  });

  test('its problems point to pages that it serves', async () => {
    await using ops = await createTestApp({}, build);
    const { type } = problemOf(await ops.get('/unknown'), 404, 'not-found');
    expect((await ops.get(type)).statusCode).toBe(200);
  });
});

test("with a port of its own, /metrics is not on the clients'", async () => {
  await using clients = await createTestApp({ servesMetrics: false });
  expect(problemOf(await clients.get('/metrics'))).toMatchObject({ status: 404, code: 'not-found' });
  expect((await clients.get('/readyz')).statusCode).toBe(503);
});

test("items are not on the operators' port", async () => {
  await using ops = await createTestApp({}, buildOpsApp);
  expect(problemOf(await ops.save('hello'))).toMatchObject({ status: 404, code: 'not-found' });
});
