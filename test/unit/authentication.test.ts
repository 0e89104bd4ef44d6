// Where API keys are asked for: who gets in, what the others are told, and that no key is ever repeated.
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createKey, revokeKey } from '../../src/access/key-edits.ts';
import { EMPTY_KEY_FILE } from '../../src/access/key-file.ts';
import { Keyring } from '../../src/access/keyring.ts';
import { SCOPES, type Scope } from '../../src/access/api-key.ts';
import { openApiDocument } from '../../src/http/openapi/document.ts';
import { createTestApp, type Headers } from '../support/test-app.ts';
import { problemOf } from '../support/problem-of.ts';

const NOW = new Date();
let file = EMPTY_KEY_FILE;
function keyFor(client: string, scopes: readonly Scope[], expiresAt: Date | null = null): string {
  const created = createKey(file, { client, scopes, expiresAt }, NOW);
  file = created.file;
  return created.key;
}
const all = keyFor('acme', SCOPES);
const reader = keyFor('reader', ['items:read']);
const writer = keyFor('writer', ['items:write']);
const expired = keyFor('late', SCOPES, new Date(NOW.getTime() + 1));
const keyring = new Keyring(file);
const nowMs = NOW.getTime() + 10;
// So much time passes between two requests that no wrong key is one too many.
let servedMs = 0;
const service = await createTestApp({
  nowMs: () => (servedMs += 1_000),
  corsOrigins: '*',
  keys: {
    callerOf: (authorization) => keyring.callerOf(authorization, nowMs),
    isStillValid: (caller) => keyring.isStillValid(caller, nowMs),
  },
});
afterAll(() => service.app.close());
beforeEach(() => {
  service.reset();
  keyring.replace(file);
});

const bearer = (key: string): Headers => ({ authorization: `Bearer ${key}` });

/** Every operation below /v1, with the scope that it needs. */
const OPERATIONS: readonly (readonly [method: 'GET' | 'POST' | 'DELETE', url: string, scope: Scope])[] = [
  ['POST', '/v1/items', 'items:write'],
  ['GET', '/v1/items', 'items:read'],
  ['POST', '/v1/items/batch', 'items:write'],
  ['POST', '/v1/items/lookup', 'items:read'],
  ['GET', '/v1/items/feed', 'items:read'],
  ['GET', '/v1/items/{id}', 'items:read'],
  ['DELETE', '/v1/items/{id}', 'items:delete'],
  ['GET', '/v1/stats', 'items:read'],
];

test('the table of operations is whole', () => {
  const { paths = {} } = openApiDocument('1.0.0');
  const documented = Object.entries(paths)
    .filter(([path]) => path.startsWith('/v1/'))
    .flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`));
  expect(OPERATIONS.map(([method, path]) => `${method} ${path}`).toSorted()).toEqual(documented.toSorted());
});

describe.each(OPERATIONS)('%s %s', (method, path, scope) => {
  const url = path.replace('{id}', '1-0-0');
  const send = (headers: Headers) =>
    service.app.inject({ method, url, headers: { 'content-type': 'application/json', ...headers }, payload: '{' });

  test.each([
    ['no key', {}],
    ['an empty header', { authorization: '' }],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['a key of nobody', bearer(`items_${'a'.repeat(12)}_${'b'.repeat(43)}`)],
    ['a wrong secret', bearer(`${all.slice(0, -1)}${all.endsWith('A') ? 'B' : 'A'}`)],
    ['a key that has expired', bearer(expired)],
  ])('refuses %s, in the same words, before it looks at the body', async (_, headers) => {
    const answer = await send(headers);
    const { requestId, instance, ...problem } = problemOf(answer);
    expect(problem).toEqual({
      type: '/problems/unauthorized',
      title: 'Unauthorized',
      status: 401,
      detail: 'a valid API key is needed: Authorization: Bearer <key>',
      code: 'unauthorized',
    });
    expect(instance).toBe(url);
    expect(requestId).toBe(answer.headers['x-request-id']);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="items"');
    expect(service.items.saves).toEqual([]);
  });

  test(`refuses a key without ${scope}, and names it`, async () => {
    const answer = await send(bearer(scope === 'items:read' ? writer : reader));
    expect(problemOf(answer)).toMatchObject({ code: 'forbidden', status: 403 });
    expect(problemOf(answer)['detail']).toContain(scope);
    expect(answer.headers['www-authenticate']).toContain(`scope="${scope}"`);
    expect(service.items.saves).toEqual([]);
  });

  test('refuses a key that was revoked meanwhile', async () => {
    keyring.replace(revokeKey(file, all.slice(6, 18)));
    expect((await send(bearer(all))).statusCode).toBe(401);
  });
});

test('what a client saves has its name as source, and so has the token of its idempotency key', async () => {
  const key = { 'idempotency-key': 'order-17' };
  const first = await service.save('a', { ...bearer(all), ...key });
  expect(first.statusCode).toBe(201);
  expect(first.json()).toMatchObject({ source: 'acme' });
  await service.save('b', { ...bearer(writer), ...key });
  await service.save('c', { ...bearer(all), ...key });
  const [a, b, c] = service.items.saves.map(({ token }) => token);
  expect(b).not.toBe(a);
  expect(c).toBe(a);
  expect(service.items.saves.map(({ source }) => source)).toEqual(['acme', 'writer', 'acme']);
});

test('another client with the same idempotency key and content gets 409 and not a replay', async () => {
  const key = { 'idempotency-key': 'order-17' };
  expect((await service.save('a', { ...bearer(all), ...key })).statusCode).toBe(201);
  const answer = await service.save('a', { ...bearer(writer), ...key });
  expect(problemOf(answer)).toMatchObject({ code: 'duplicate-item' });
  expect(answer.headers['idempotent-replayed']).toBeUndefined();
});

test.each(['/livez', '/readyz', '/docs', '/openapi.json', '/problems', '/metrics'])('%s needs no key', async (url) => {
  expect((await service.get(url)).statusCode).not.toBe(401);
});

test('a preflight, a wrong method and an unknown address are answered to everybody', async () => {
  const preflight = {
    origin: 'https://app.example',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization',
  };
  const answer = await service.app.inject({ method: 'OPTIONS', url: '/v1/items', headers: preflight });
  expect(answer.statusCode).toBe(204);
  expect(answer.headers['access-control-allow-headers']).toMatch(/authorization/i);
  expect((await service.app.inject({ method: 'PUT', url: '/v1/items' })).statusCode).toBe(405);
  expect((await service.get('/v1/nothing')).statusCode).toBe(404);
});

test('no key, right or wrong, is in an answer, a log line or a metric; who it was is logged', async () => {
  const wrong = `items_${'z'.repeat(12)}_${'q'.repeat(43)}`;
  const answers = [
    await service.save('a', bearer(all)),
    await service.save('a', bearer(wrong)),
    await service.save('a', bearer(reader)),
    await service.save(5, bearer(all)),
    await service.get('/metrics'),
  ];
  const said = JSON.stringify(answers.map(({ headers, body }) => ({ headers, body }))) + service.log();
  for (const key of [all, wrong, reader]) expect(said).not.toContain(key.slice(19));
  expect(service.lines()).toContainEqual(expect.objectContaining({ client: 'acme', keyId: all.slice(6, 18) }));
});

test('how many were let in, refused and forbidden is counted', async () => {
  await service.save('a', bearer(all));
  await service.save('a', bearer('nothing'));
  await service.save('a', bearer(reader));
  const { body } = await service.get('/metrics');
  expect(body).toMatch(/^http_authentications_total\{outcome="accepted"\} [1-9]/m);
  expect(body).toMatch(/^http_authentications_total\{outcome="refused"\} [1-9]/m);
  expect(body).toMatch(/^http_authentications_total\{outcome="forbidden"\} [1-9]/m);
});
