// CORS: nothing of it by default, exact origins or everybody when it is set, errors that scripts can read.
import { afterAll, describe, expect, test } from 'vitest';
import { load, refusal, SENTINELS } from '../support/load-config.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp } from '../support/test-app.ts';

const ORIGIN = 'https://app.example';
const named = await createTestApp({ corsOrigins: [ORIGIN, 'http://localhost:5173'] });
const open = await createTestApp({ corsOrigins: '*' });
const closed = await createTestApp();
afterAll(() => Promise.all([named, open, closed].map(({ app }) => app.close())));

const EVERY_KIND_OF_ANSWER = [
  '/v1/items',
  '/v1/items?limit=0',
  '/v1/items/1-0-0',
  '/problems',
  '/openapi.json',
  '/unknown',
  '/readyz',
];
const corsOf = (headers: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')));

describe.each(EVERY_KIND_OF_ANSWER)('%s', (url) => {
  test('can be read by scripts of the origins that are named', async () => {
    for (const origin of [ORIGIN, 'http://localhost:5173']) {
      const { headers } = await named.get(url, { origin });
      expect(headers['access-control-allow-origin']).toBe(origin);
      expect(headers['vary']).toMatch(/\bOrigin\b/);
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
    }
  });

  test.each([
    'https://app.example.evil',
    'http://app.example',
    'https://app.example:8443',
    'null',
    'https://APP.example',
  ])('cannot by those of %s, and caches know that it depends', async (origin) => {
    const { headers } = await named.get(url, { origin });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    expect(headers['vary']).toMatch(/\bOrigin\b/);
  });

  test('can by everybody when that is what is set', async () => {
    expect((await open.get(url, { origin: 'https://any.example' })).headers['access-control-allow-origin']).toBe('*');
  });

  test('has no header of CORS by default', async () => {
    const { headers } = await closed.get(url, { origin: ORIGIN });
    expect(corsOf(headers)).toEqual({});
    expect(headers).not.toHaveProperty('vary');
  });
});

test('scripts may read every header that the contract names', async () => {
  const { headers } = await named.save('hello', { origin: ORIGIN });
  const exposed = String(headers['access-control-expose-headers']).split(', ');
  expect(exposed).toEqual(
    expect.arrayContaining([
      'Location',
      'ETag',
      'Link',
      'X-Request-Id',
      'Retry-After',
      'Idempotent-Replayed',
      'Preference-Applied',
      'Allow',
    ]),
  );
});

describe('a preflight', () => {
  const headers = {
    origin: ORIGIN,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,idempotency-key',
  };

  test('is answered with 204, Allow, and what may be sent', async () => {
    const answer = await named.app.inject({ method: 'OPTIONS', url: '/v1/items', headers });
    expect(answer.statusCode).toBe(204);
    expect(answer.headers['allow']).toBe('GET, HEAD, OPTIONS, POST');
    expect(corsOf(answer.headers)).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
      'access-control-max-age': '7200',
    });
    const allowed = String(answer.headers['access-control-allow-headers']).toLowerCase().split(', ');
    expect(allowed).toEqual(
      expect.arrayContaining(['content-type', 'idempotency-key', 'prefer', 'if-none-match', 'last-event-id']),
    );
  });

  test('of another origin gets no leave', async () => {
    const answer = await named.app.inject({
      method: 'OPTIONS',
      url: '/v1/items',
      headers: { ...headers, origin: 'https://evil.example' },
    });
    expect(answer.statusCode).toBe(204);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('at an address that does not exist is a 404', async () => {
    const answer = await named.app.inject({ method: 'OPTIONS', url: '/unknown', headers });
    expect(problemOf(answer, 404, 'not-found').instance).toBe('/unknown');
  });

  test('is not needed for OPTIONS', async () => {
    const answer = await named.app.inject({ method: 'OPTIONS', url: '/v1/items' });
    expect([answer.statusCode, answer.headers['allow']]).toEqual([204, 'GET, HEAD, OPTIONS, POST']);
  });
});

describe('CORS_ORIGINS', () => {
  test.each<[string, unknown]>([
    ['*', '*'],
    [ORIGIN, [ORIGIN]],
    [`${ORIGIN}, http://localhost:5173`, [ORIGIN, 'http://localhost:5173']],
    ['http://[::1]:8080', ['http://[::1]:8080']],
  ])('%s', (text, expected) => {
    expect(load({ ...SENTINELS, CORS_ORIGINS: text }).CORS_ORIGINS).toEqual(expected);
  });

  test.each([
    'https://app.example/',
    'https://app.example/path',
    'https://app.example:443',
    'https://APP.example',
    'app.example',
    'null',
    '*.example',
    'https://*.example.com/',
    `*,${ORIGIN}`,
    `${ORIGIN},`,
    'file:///etc',
    'ftp://app.example',
    Array.from({ length: 65 }, (_, i) => `https://a${i}.example`).join(','),
  ])('%s is refused', (text) => {
    expect(refusal({ ...SENTINELS, CORS_ORIGINS: text })).toMatch(/^CORS_ORIGINS must /);
  });
});
