// Limits of one client: who counts as one, what is refused and how, and what goes on meanwhile.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { networkOf, RateLimit } from '../../src/http/rate-limit.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp, PROXY_ADDRESS, type TestApp } from '../support/test-app.ts';

const SOON = { interval: 2, timeout: 20_000 };

let nowMs = 0;
const limit = (perSecond: number | null, burst: number, maxConcurrent: number | null = null) =>
  new RateLimit({ perSecond, burst, maxConcurrent, nowMs: () => nowMs });
let service: TestApp;
afterEach(() => service.app.close());

const from = (remoteAddress: string, headers: Record<string, string> = {}, url = '/v1/items') =>
  service.app.inject({ url, remoteAddress, headers });

test('one request more than the burst is answered 429 with the time to wait, and passes after it', async () => {
  service = await createTestApp({ rateLimit: limit(1, 3) });
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await service.get('/v1/items'));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
  expect(answers.map(({ headers }) => headers['ratelimit'])).toEqual([2, 1, 0].map((r) => `"default";r=${r};t=1`));
  const refused = await service.get('/v1/items');
  expect(problemOf(refused)).toMatchObject({ status: 429, code: 'rate-limited' });
  expect(refused.headers).toMatchObject({
    'retry-after': '1',
    'ratelimit-policy': '"default";q=3;w=3',
    ratelimit: '"default";r=0;t=1',
  });
  nowMs += 1_000;
  expect((await service.get('/v1/items')).statusCode).toBe(200);
});

test('without a limit there is no such header', async () => {
  service = await createTestApp();
  expect(Object.keys((await service.get('/v1/items')).headers).filter((name) => /rate/.test(name))).toEqual([]);
});

describe('without a key a client is its address', () => {
  test('the one that a trusted proxy names, and nobody else may name one', async () => {
    service = await createTestApp({ rateLimit: limit(1, 1) });
    const viaProxy = (client: string) => from(PROXY_ADDRESS, { 'x-forwarded-for': client });
    expect((await viaProxy('198.51.100.1')).statusCode).toBe(200);
    expect((await viaProxy('198.51.100.2')).statusCode).toBe(200);
    expect((await viaProxy('198.51.100.1')).statusCode).toBe(429);
    expect((await from('203.0.113.9', { 'x-forwarded-for': '198.51.100.3' })).statusCode).toBe(200);
    expect((await from('203.0.113.9', { 'x-forwarded-for': '198.51.100.4' })).statusCode).toBe(429);
  });

  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:DB8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['fe80::1:2:3:4', 'fe80:0:0:0'],
  ])('%s counts as %s', async (ip, network) => {
    service = await createTestApp();
    expect(networkOf(ip)).toBe(network);
  });
});

test('probes are always answered', async () => {
  service = await createTestApp({ rateLimit: limit(1, 1) });
  for (let i = 0; i < 3; i++) expect((await service.get('/livez')).statusCode).toBe(200);
});

test('the items of a batch count: who had too many waits until they are made up for', async () => {
  service = await createTestApp({ rateLimit: limit(1, 5) });
  const items = Array.from({ length: 9 }, (_, i) => ({ content: `batch ${i}` }));
  const batch = await service.post(JSON.stringify({ items }), {}, '/v1/items/batch');
  expect(batch.json()).toMatchObject({ saved: 9 });
  expect((await service.get('/v1/items')).headers['retry-after']).toBe('6');
  nowMs += 6_000;
  expect((await service.get('/v1/items')).statusCode).toBe(200);
});

test('a stream is slowed down and not refused, and at a shutdown what was begun is answered at once', async () => {
  const rateLimit = limit(1, 3);
  service = await createTestApp({ rateLimit });
  const lines = Array.from({ length: 5 }, (_, i) => `{"content":"line ${i}"}\n`).join('');
  const answer = service.post(lines, { 'content-type': 'application/x-ndjson' }, '/v1/items/batch');
  // The request itself is one of the three.
  await vi.waitFor(() => expect(service.items.saves).toHaveLength(2), SOON);
  rateLimit.release();
  expect((await answer).body.match(/"status":201/g)).toHaveLength(5);
});

test('one request at a time more than a client may have is answered 429, and room comes back', async () => {
  service = await createTestApp({ rateLimit: limit(null, 1, 2) });
  const hold = Promise.withResolvers<void>();
  service.items.onRead = () => hold.promise;
  const running = [from('192.0.2.1'), from('192.0.2.1')];
  await vi.waitFor(async () => {
    expect(problemOf(await from('192.0.2.1'))).toMatchObject({ status: 429, code: 'rate-limited' });
  }, SOON);
  const other = from('192.0.2.2');
  hold.resolve();
  expect((await Promise.all([...running, other])).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
  expect((await from('192.0.2.1')).statusCode).toBe(200);
});

describe('wrong keys', () => {
  test('are answered 429 when they come too fast, for this address alone, and never a right one', async () => {
    const caller = { client: 'acme', keyId: 'a'.repeat(12), scopes: new Set(['items:read'] as const) };
    const keys = {
      callerOf: (header?: string) => (header === 'Bearer right' ? caller : null),
      isStillValid: () => true,
    };
    service = await createTestApp({ keys, nowMs: () => nowMs });
    const wrong = (address: string) => from(address, { authorization: 'Bearer wrong' });
    for (let i = 0; i < 50; i++) expect((await wrong('192.0.2.1')).statusCode).toBe(401);
    expect(problemOf(await wrong('192.0.2.1'))).toMatchObject({ status: 429, code: 'rate-limited' });
    expect((await wrong('192.0.2.2')).statusCode).toBe(401);
    expect((await from('192.0.2.1', { authorization: 'Bearer right' })).statusCode).toBe(200);
    nowMs += 1_000;
    expect((await wrong('192.0.2.1')).statusCode).toBe(401);
  });
});
