// POST /v1/items: the status, headers and body of every outcome, and what makes a request a retry.
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type FailureCode, ServiceFailure } from '../../src/items/errors.ts';
import { problemOf } from '../support/problem-of.ts';
import { holdCommits, setUp } from '../support/save-queue.ts';
import { createTestApp, PROXY_ADDRESS, SAVE_DEADLINE_MS } from '../support/test-app.ts';

const service = await createTestApp();
beforeEach(() => service.reset());
afterAll(() => service.app.close());

const ID = '1763712000000-0-7';
const ITEM = { id: ID, content: 'hello', source: 'anonymous', createdAt: '2025-11-21T08:00:00.000Z' };

describe('outcomes', () => {
  test('201 for a new content: Location, a strong ETag, the item', async () => {
    const answer = await service.save('hello');
    expect(answer.statusCode).toBe(201);
    expect(answer.headers).toMatchObject({
      location: `/v1/items/${ID}`,
      etag: `"${ID}"`,
      'content-type': 'application/json; charset=utf-8',
    });
    expect(answer.json()).toEqual(ITEM);
    expect(answer.headers).not.toHaveProperty('idempotent-replayed');
  });

  test('409 for a known content: Location of the original and the original as member', async () => {
    await service.save('hello');
    const answer = await service.save('hello');
    const problem = problemOf(answer, 409, 'duplicate-item');
    expect(problem.item).toEqual(ITEM);
    expect(answer.headers['location']).toBe(`/v1/items/${ID}`);
    expect(answer.headers).not.toHaveProperty('retry-after');
    expect(answer.headers).not.toHaveProperty('idempotent-replayed');
  });

  test('200 for a known content with Prefer: handling=lenient: the original, and that the wish was granted', async () => {
    const first = await service.save('hello', { prefer: 'handling=lenient' });
    expect(first.statusCode).toBe(201);
    expect(first.headers).not.toHaveProperty('preference-applied');
    const answer = await service.save('hello', { prefer: 'respond-async, Handling=Lenient; x="y"' });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).toMatchObject({
      location: `/v1/items/${ID}`,
      etag: `"${ID}"`,
      'content-type': 'application/json; charset=utf-8',
      'preference-applied': 'handling=lenient',
    });
    expect(answer.headers).not.toHaveProperty('idempotent-replayed');
    expect(answer.json()).toEqual(ITEM);
    expect(problemOf(await service.save('hello', { prefer: 'handling=strict' }))).toMatchObject({ status: 409 });
  });

  test('201 with Idempotent-Replayed, lenient or not, for the same key and content', async () => {
    await service.save('hello', { 'idempotency-key': 'k' });
    const again = await service.save('hello', { 'idempotency-key': 'k', prefer: 'handling=lenient' });
    expect(again.statusCode).toBe(201);
    expect(again.headers).toMatchObject({ 'idempotent-replayed': 'true' });
    expect(again.headers).not.toHaveProperty('preference-applied');
  });

  test('201 with Idempotent-Replayed for the same key and content', async () => {
    const first = await service.save('hello', { 'idempotency-key': 'k' });
    const again = await service.save('hello', { 'idempotency-key': 'k' });
    expect(first.headers).not.toHaveProperty('idempotent-replayed');
    expect(again.statusCode).toBe(201);
    expect(again.headers).toMatchObject({
      'idempotent-replayed': 'true',
      location: first.headers['location'],
      etag: first.headers['etag'],
    });
    expect(again.json()).toEqual(first.json());
  });

  test('422 for the same key with another content', async () => {
    service.items.onSave = async () => ({ kind: 'key_reused' });
    expect(problemOf(await service.save('hello', { 'idempotency-key': 'k' }))).toMatchObject({
      status: 422,
      code: 'idempotency-key-reused',
    });
  });

  test('409 with Retry-After while the content is being saved elsewhere', async () => {
    service.items.onSave = async () => ({ kind: 'in_progress' });
    const answer = await service.save('hello');
    expect(problemOf(answer)).toMatchObject({ status: 409, code: 'save-in-progress' });
    expect(answer.headers['retry-after']).toBe('1');
  });

  test('the same answer for a duplicate that waited for the save in flight, and each in its own way', async () => {
    const { queue, store } = setUp();
    await using queued = await createTestApp({ save: (request) => queue.save(request), nowMs: () => 0 });
    const open = holdCommits(store);
    const lenient = { prefer: 'handling=lenient' };
    const waiting = [queued.save('hello'), queued.save('hello', lenient), queued.save('hello')];
    await vi.waitUntil(() => queue.pending === 3);
    open();
    const [first, joined, refused] = await Promise.all(waiting);
    const later = await queued.save('hello', lenient);
    expect([first, joined, refused, later].map((answer) => answer?.statusCode)).toEqual([201, 200, 409, 200]);
    for (const answer of [joined, later]) {
      expect(answer?.body).toBe(first?.body);
      expect(answer?.headers).toMatchObject({
        location: first?.headers['location'],
        etag: first?.headers['etag'],
        'preference-applied': 'handling=lenient',
      });
    }
    expect(problemOf(refused!, 409, 'duplicate-item').item).toEqual(first?.json());
  });

  test('contents that differ in anything are different, and come back as they were', async () => {
    const contents = [
      'a',
      'A',
      ' a',
      'a ',
      'a\n',
      '\u00e9',
      'e\u0301',
      '\u0000',
      '{"a":1}',
      '"__proto__":1',
      '\u{1F600}',
    ];
    for (const content of contents) {
      const answer = await service.save(content);
      expect(answer.statusCode).toBe(201);
      expect(answer.json()).toMatchObject({ content });
    }
  });

  test('a save has the deadline that the settings give it', async () => {
    let nowMs = 1_000;
    await using clocked = await createTestApp({ nowMs: () => nowMs });
    await clocked.save('hello');
    nowMs = 5_000;
    await clocked.save('hello');
    expect(clocked.items.saves.map(({ deadlineMs }) => deadlineMs)).toEqual([
      1_000 + SAVE_DEADLINE_MS,
      5_000 + SAVE_DEADLINE_MS,
    ]);
  });
});

describe('failures', () => {
  test.each<[FailureCode, number]>([
    ['store-unavailable', 503],
    ['not-replicated', 503],
    ['overloaded', 503],
    ['draining', 503],
    ['storage-full', 507],
  ])('%s is a %d that may be sent again', async (code, status) => {
    service.items.onSave = () => Promise.reject(new ServiceFailure(code, 'short_wait at 10.1.2.3:6379'));
    const answer = await service.save('hello');
    expect(problemOf(answer)).toMatchObject({ status, code });
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.body).not.toMatch(/short_wait|10\.1\.2\.3/);
  });

  test.each([
    ['an error', new TypeError('cannot read property of undefined at /src/secret.ts')],
    ['an error that claims to be a status', Object.assign(new Error('/src/secret.ts'), { statusCode: 502 })],
  ])('500 for %s without anything internal', async (_name, error) => {
    service.items.onSave = () => Promise.reject(error);
    const answer = await service.save('hello');
    expect(problemOf(answer)).toMatchObject({ status: 500, code: 'internal-error' });
    expect(answer.body).not.toMatch(/TypeError|secret|\.ts|undefined| at /);
  });
});

/** The request tokens of saves with these keys. */
const tokensOf = async (...keys: string[]) => {
  for (const key of keys) expect((await service.save(`for ${key}`, { 'idempotency-key': key })).statusCode).toBe(201);
  expect(service.items.saves.every(({ tokenKind }) => tokenKind === 'key')).toBe(true);
  return service.items.saves.map(({ token }) => token);
};

describe('Idempotency-Key', () => {
  test.each([
    ['bare and quoted', 'abc', '"abc"'],
    ['an escaped quote', '"a\\"b"', '"a\\"b"'],
    ['255 characters that are 510 with their escapes', `"${'\\"'.repeat(255)}"`, `"${'\\"'.repeat(255)}"`],
    ['255 characters, bare and quoted', 'k'.repeat(255), `"${'k'.repeat(255)}"`],
    ['a UUID, bare and quoted', '8e03978e-40d5-43dd-bc93-6894a57f9324', '"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
  ])('%s name one key', async (_name, a, b) => {
    const [first, second] = await tokensOf(a, b);
    expect(first).toBe(second);
  });

  test('different keys are different, in case and escapes too', async () => {
    const tokens = await tokensOf('abc', 'abC', '"a b"', '"a\\"b"', '"a\\\\b"', 'k'.repeat(254), 'k'.repeat(255));
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  test.each([
    ['empty', ''],
    ['quoted and empty', '""'],
    ['256 characters', 'k'.repeat(256)],
    ['256 characters in quotes', `"${'k'.repeat(256)}"`],
    ['two keys', 'a, b'],
    ['two quoted keys', '"a", "b"'],
    ['a comma', 'a,b'],
    ['a space', 'a b'],
    ['an open quote', '"a'],
    ['a quote inside', 'a"b'],
    ['an unknown escape', '"a\\nb"'],
    ['not ASCII', 'caf\u00e9'],
    ['not ASCII in quotes', '"caf\u00e9"'],
    ['a control character', '"a\tb"'],
  ])('400 for a key that is %s, and nothing is saved', async (_name, key) => {
    const problem = problemOf(await service.save('hello', { 'idempotency-key': key }), 400, 'bad-request');
    expect(problem.detail).toMatch(/Idempotency-Key/);
    expect(service.items.saves).toEqual([]);
  });

  test('without one every request is a request of its own', async () => {
    await service.save('hello');
    expect((await service.save('hello')).statusCode).toBe(409);
    const [a, b] = service.items.saves;
    expect(a?.token).not.toBe(b?.token);
    expect(a?.tokenKind).toBe('random');
  });
});

/** Sends the same request twice and tells how the second one is answered. */
const saveFrom = async (remoteAddress: string, headers: Record<string, string>) => {
  service.reset();
  const request = {
    method: 'POST',
    url: '/v1/items',
    remoteAddress,
    headers,
    payload: { content: 'hello' },
  } as const;
  await service.app.inject(request);
  const again = await service.app.inject(request);
  return { status: again.statusCode, saves: service.items.saves };
};

describe('X-Attempt-Id', () => {
  test("makes the proxy's second attempt the same request", async () => {
    const { status, saves } = await saveFrom(PROXY_ADDRESS, { 'x-attempt-id': 'c0ffee' });
    expect(status).toBe(201);
    expect(saves[0]?.tokenKind).toBe('attempt');
  });

  test.each(['127.0.0.1', '192.0.2.1', '::1'])('means nothing from %s', async (address) => {
    // Neither does what a client can say about where it comes from.
    const headers = { 'x-attempt-id': 'c0ffee', 'x-forwarded-for': PROXY_ADDRESS, forwarded: `for=${PROXY_ADDRESS}` };
    expect((await saveFrom(address, headers)).status).toBe(409);
  });

  test.each(['', 'a b', 'a,b', 'x'.repeat(65), '\u00e9'])('means nothing when it is %j', async (id) => {
    expect((await saveFrom(PROXY_ADDRESS, { 'x-attempt-id': id })).status).toBe(409);
  });

  test('gives way to an Idempotency-Key', async () => {
    const request = {
      method: 'POST',
      url: '/v1/items',
      remoteAddress: PROXY_ADDRESS,
      payload: { content: 'hello' },
    } as const;
    await service.app.inject({ ...request, headers: { 'x-attempt-id': 'first', 'idempotency-key': 'k' } });
    const again = await service.app.inject({
      ...request,
      headers: { 'x-attempt-id': 'second', 'idempotency-key': 'k' },
    });
    expect(again.headers['idempotent-replayed']).toBe('true');
  });

  test('and a key of the same text are two things', async () => {
    const [attempt] = (await saveFrom(PROXY_ADDRESS, { 'x-attempt-id': 'same' })).saves;
    const [key] = (await saveFrom(PROXY_ADDRESS, { 'idempotency-key': 'same' })).saves;
    expect(attempt?.token).not.toBe(key?.token);
  });
});
