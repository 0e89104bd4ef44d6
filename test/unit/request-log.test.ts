// One log line for each request that says what became of it, and nothing that a client sent.
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { contentKey } from '../../src/items/content.ts';
import { ServiceFailure } from '../../src/items/errors.ts';
import { createTestApp, type LogLine } from '../support/test-app.ts';

const service = await createTestApp();
beforeEach(() => service.reset());
afterAll(() => service.app.close());

const REQUEST_ID = 'caller-1';
const HELLO = contentKey({ kind: 'string', text: 'hello' }).hex;

/** The one line of the one request that was made. */
function theLine(): LogLine {
  const lines = service.lines();
  expect(lines).toHaveLength(1);
  return lines[0] as LogLine;
}

describe('a line has', () => {
  const common = { requestId: REQUEST_ID, msg: 'request', durationMs: expect.any(Number) as number };

  test.each([
    ['saved', 201],
    ['replayed', 201],
    ['duplicate', 409],
    ['in_progress', 409],
  ] as const)('the outcome %s and the digest of the content', async (kind, status) => {
    const item = { id: '1-0-0', content: 'hello', source: 'anonymous', createdAt: '1970-01-01T00:00:00.001Z' };
    service.items.onSave = async () => (kind === 'in_progress' ? { kind } : { kind, item });
    await service.save('hello', { 'x-request-id': REQUEST_ID });
    expect(theLine()).toMatchObject({
      ...common,
      level: 'info',
      method: 'POST',
      route: '/v1/items',
      status,
      outcome: kind,
      digest: HELLO,
    });
  });

  test('the outcome rejected for a reused key', async () => {
    service.items.onSave = async () => ({ kind: 'key_reused' });
    await service.save('hello');
    expect(theLine()).toMatchObject({ status: 422, outcome: 'rejected', digest: HELLO });
  });

  test.each([
    ['store-unavailable', 503],
    ['storage-full', 507],
  ] as const)('the outcome failed and the reason, as a warning, for %s', async (code, status) => {
    service.items.onSave = () => Promise.reject(new ServiceFailure(code, 'not confirmed: short_wait'));
    await service.save('hello');
    expect(theLine()).toMatchObject({
      level: 'warn',
      status,
      outcome: 'failed',
      digest: HELLO,
      reason: 'not confirmed: short_wait',
    });
  });

  test.each([
    ['{"content":', 400],
    ['{"content":5}', 422],
    [' '.repeat(500_000), 413],
  ])('the outcome invalid for %.12s', async (body, status) => {
    await service.post(body);
    const line = theLine();
    expect(line).toMatchObject({ level: 'info', status, outcome: 'invalid', reason: expect.any(String) as string });
    expect(line).not.toHaveProperty('digest');
  });

  test.each([
    ['GET', '/v1/items', '/v1/items', 200],
    ['GET', '/v1/items/1-0-0', '/v1/items/:id', 404],
    ['GET', '/v1/items?limit=0', '/v1/items', 422],
    ['HEAD', '/v1/items', '/v1/items', 200],
    ['PUT', '/v1/items/1-0-0', '/v1/items/:id', 405],
    ['OPTIONS', '/v1/items', '/v1/items', 204],
    ['GET', '/nothing/here', 'unknown', 404],
    ['GET', '/%zz', 'unknown', 400],
    ['GET', '/problems/overloaded', '/problems/:slug', 200],
  ] as const)('the pattern and status of %s %s', async (method, url, route, status) => {
    await service.app.inject({ method, url, headers: { 'x-request-id': REQUEST_ID } });
    expect(theLine()).toMatchObject({ ...common, level: 'info', method, route, status });
  });
});

test('probes are not worth a line', async () => {
  await Promise.all(['/livez', '/readyz', '/metrics'].map((url) => service.get(url)));
  expect(service.lines().filter(({ level }) => level !== 'debug')).toEqual([]);
});

describe('a bug', () => {
  test('is logged once, as an error, with its stack', async () => {
    service.items.onSave = () => Promise.reject(new TypeError('x is not a function'));
    const answer = await service.save('hello', { 'x-request-id': REQUEST_ID });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toMatch(/TypeError|not a function| at /);
    const line = theLine();
    expect(line).toMatchObject({ level: 'error', requestId: REQUEST_ID, status: 500, outcome: 'failed' });
    const { err } = line as unknown as { err: { type: string; message: string; stack: string } };
    expect(err).toMatchObject({ type: 'TypeError', message: 'x is not a function' });
    expect(err.stack).toMatch(/request-log\.test\.ts/);
  });

  test('in something that is no error is logged too', async () => {
    // oxlint-disable-next-line prefer-promise-reject-errors
    service.items.onRead = () => Promise.reject('a string');
    const answer = await service.get('/v1/items');
    expect(answer.statusCode).toBe(500);
    expect(theLine()).toMatchObject({ level: 'error', status: 500 });
  });
});

describe('nothing that a client sent is in the log', () => {
  const MARK = 'hunter2';
  const SECRETS = { authorization: `Bearer ${MARK}`, cookie: MARK, 'idempotency-key': MARK, 'x-attempt-id': MARK };

  test.each<[string, string | Buffer, Record<string, string>]>([
    ['content that is saved', JSON.stringify({ content: MARK }), {}],
    ['JSON that is cut off', `{"content":"${MARK}`, {}],
    ['a bare word', `{"content":${MARK}}`, {}],
    ['a word at the start', MARK, {}],
    ['a word at the end', `{"content":"a"}${MARK}`, {}],
    ['a bad escape', `{"content":"${MARK}\\x"}`, {}],
    ['bytes that are not UTF-8', Buffer.from([...Buffer.from(MARK), 0xff]), {}],
    ['a member __proto__', `{"__proto__":"${MARK}"}`, {}],
    ['an unknown member', `{"content":"a","${MARK}":"${MARK}"}`, {}],
    ['a content of the wrong type', `{"content":["${MARK}"]}`, {}],
    ['a content that is too long', JSON.stringify({ content: MARK.repeat(10_000) }), {}],
    ['a body that is too large', MARK.repeat(100_000), {}],
    ['a content type', '{"content":"a"}', { 'content-type': `text/${MARK}` }],
    ['a content encoding', '{"content":"a"}', { 'content-encoding': MARK }],
    ['a bad key', '{"content":"a"}', { 'idempotency-key': `"${MARK}` }],
    ['a bad request id', '{"content":"a"}', { 'x-request-id': `${MARK} "` }],
    ['any header', '{"content":"a"}', { 'x-custom': MARK, 'user-agent': MARK, referer: MARK, [MARK]: MARK }],
  ])('%s', async (_name, body, headers) => {
    await service.post(body, { ...SECRETS, ...headers });
    expect(service.lines().length).toBeGreaterThan(0);
    expect(service.log()).not.toContain(MARK);
  });

  test.each([`/v1/items/${MARK}`, `/v1/items?cursor=${MARK}`, `/v1/items?${MARK}=1`, `/${MARK}`, `/%zz${MARK}`])(
    'the address %s',
    async (url) => {
      for (const method of ['GET', 'PUT'] as const) await service.app.inject({ method, url, headers: SECRETS });
      expect(service.lines()).toHaveLength(2);
      expect(service.log()).not.toContain(MARK);
    },
  );

  test('a duplicate, a replay and every failure', async () => {
    await service.save(MARK, SECRETS);
    await service.save(MARK, SECRETS);
    await service.save(MARK);
    for (const code of ['store-unavailable', 'not-replicated', 'overloaded', 'draining', 'storage-full'] as const) {
      service.items.onSave = () => Promise.reject(new ServiceFailure(code, code));
      await service.save(MARK, SECRETS);
    }
    expect(service.lines()).toHaveLength(8);
    expect(service.log()).not.toContain(MARK);
  });

  test("the arguments of a Redis command that an unexpected error brings along, or a request's headers", async () => {
    const error = Object.assign(new Error('ERR unknown'), {
      command: { name: 'evalsha', args: ['0', MARK] },
      headers: SECRETS,
      password: MARK,
    });
    service.items.onSave = () => Promise.reject(error);
    await service.save('hello');
    expect(theLine()).toMatchObject({ level: 'error', err: { message: 'ERR unknown', command: 'evalsha' } });
    expect(service.log()).not.toContain(MARK);
  });
});
