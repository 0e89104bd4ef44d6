// POST /v1/items: every body that is refused, why, and the largest ones that are not.
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp } from '../support/test-app.ts';

const service = await createTestApp();
beforeEach(() => service.reset());
afterAll(() => service.app.close());

const MAX_CONTENT_BYTES = 65_536;
const MALFORMED = { status: 400, code: 'malformed-json' };
const TOO_LARGE = { status: 413, code: 'payload-too-large' };
const UNSUPPORTED = { status: 415, code: 'unsupported-media-type' };
const INVALID = { status: 422, code: 'validation-failed' };

describe('400 for a body that is not JSON', () => {
  test.each([
    ['empty', ''],
    ['white space', ' \n'],
    ['cut off', '{"content":"a'],
    ['two values', '{"content":"a"}{"content":"b"}'],
    ['single quotes', "{'content':'a'}"],
    ['a trailing comma', '{"content":"a",}'],
    ['a comment', '{"content":"a"/**/}'],
    ['NaN', '{"content":NaN}'],
    ['a bare word', 'content'],
    ['a raw line feed in a string', '{"content":"a\nb"}'],
    ['a bad escape', '{"content":"\\x41"}'],
    ['a byte that is not UTF-8', Buffer.from([...Buffer.from('{"content":"a'), 0xff, ...Buffer.from('"}')])],
    ['an overlong encoding', Buffer.from([...Buffer.from('{"content":"'), 0xc0, 0x80, ...Buffer.from('"}')])],
    ['a surrogate in UTF-8', Buffer.from([...Buffer.from('{"content":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')])],
    ['UTF-16', Buffer.from('{"content":"a"}', 'utf16le')],
  ])('%s', async (_name, body) => {
    expect(problemOf(await service.post(body))).toMatchObject(MALFORMED);
    expect(service.items.saves).toEqual([]);
  });

  test('no body at all', async () => {
    expect(problemOf(await service.app.inject({ method: 'POST', url: '/v1/items' }))).toMatchObject(MALFORMED);
  });
});

describe('415 for what is not called JSON', () => {
  test.each([
    'text/plain',
    'text/plain; application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'application/json-patch+json',
    'application/problem+json',
    'xapplication/json',
    'application/json, text/plain',
    'text/plain, application/json',
    'application/json,application/json',
    'application /json',
    'application/ json',
    'application\t/json',
    'application/js\ton',
    'json',
    '/',
    ';',
    '',
    '*/*',
    'application/*',
  ])('%j', async (type) => {
    expect(problemOf(await service.post('{"content":"a"}', { 'content-type': type }))).toMatchObject(UNSUPPORTED);
    expect(service.items.saves).toEqual([]);
  });

  test.each(['latin1', 'utf-16', '"iso-8859-1"', 'utf-8-but-not-quite'])('charset %s', async (charset) => {
    const type = `application/json; charset=${charset}`;
    expect(problemOf(await service.post('{"content":"a"}', { 'content-type': type }))).toMatchObject(UNSUPPORTED);
    expect(service.items.saves).toEqual([]);
  });

  test('no content type', async () => {
    const request = { method: 'POST', url: '/v1/items', payload: '{"content":"a"}' } as const;
    expect(problemOf(await service.app.inject(request))).toMatchObject(UNSUPPORTED);
  });

  test.each(['gzip', 'br', 'deflate', 'identity, gzip', 'GZIP', ''])('content encoding %j', async (encoding) => {
    const answer = await service.post('{"content":"a"}', { 'content-encoding': encoding });
    expect(problemOf(answer)).toMatchObject(UNSUPPORTED);
  });
});

describe('whatever else JSON is called, the body is checked', () => {
  const SPELLINGS = [
    'application/json',
    'APPLICATION/JSON',
    'Application/Json; Charset=UTF-8',
    'application/json;charset=utf-8',
    'application/json; charset="utf-8"',
    'application/json\t; charset=utf-8',
    'application/json ;charset=utf-8',
    ' application/json',
    '\tapplication/json',
    'application/json ',
    'application/json;',
    'application/json; ',
  ];
  test.each(SPELLINGS)('%j', async (type) => {
    expect(problemOf(await service.post('{"content":5}', { 'content-type': type }))).toMatchObject(INVALID);
    expect(problemOf(await service.post('{"content":', { 'content-type': type }))).toMatchObject(MALFORMED);
    expect(service.items.saves).toEqual([]);
    expect((await service.post('{"content":"a"}', { 'content-type': type })).statusCode).toBe(201);
  });

  test('identity is no content encoding', async () => {
    expect((await service.post('{"content":"a"}', { 'content-encoding': 'identity' })).statusCode).toBe(201);
  });
});

describe('422 with a pointer for what is JSON and no item', () => {
  test.each([
    ['a number', '{"content":1}', '/content'],
    ['null', '{"content":null}', '/content'],
    ['a number that a double changes', '{"content":{"a":[9007199254740993]}}', '/content/a/0'],
    ['a number beyond all doubles', '{"content":[1e400]}', '/content/0'],
    ['a name twice', '{"content":{"a":1,"\\u0061":1}}', '/content/a'],
    ['two contents', '{"content":"a","content":"a"}', '/content'],
    ['a lone surrogate in a name', '{"content":{"\\ud800":1}}', '/content/\ufffd'],
    ['a lone surrogate deep inside', '{"content":["\\ud800"]}', '/content/0'],
    ['too much nesting', `{"content":${'['.repeat(65)}${']'.repeat(65)}}`, `/content${'/0'.repeat(64)}`],
    ['a canonical form that is too long', `{"content":[${'1e20,'.repeat(5_000)}0]}`, '/content'],
    ['a boolean', '{"content":true}', '/content'],
    ['a missing content', '{}', '/content'],
    ['an empty content', '{"content":""}', '/content'],
    ['a lone surrogate', '{"content":"a\\ud800"}', '/content'],
    ['a lone low surrogate', '{"content":"\\udc00b"}', '/content'],
    ['surrogates in the wrong order', '{"content":"\\udc00\\ud800"}', '/content'],
    ['one byte too many', JSON.stringify({ content: 'x'.repeat(MAX_CONTENT_BYTES + 1) }), '/content'],
    ['one character too many', JSON.stringify({ content: '\u00e9'.repeat(MAX_CONTENT_BYTES / 2) + 'x' }), '/content'],
    ['one emoji too many', JSON.stringify({ content: '\u{1F600}'.repeat(MAX_CONTENT_BYTES / 4) + 'x' }), '/content'],
    ['an unknown member', '{"content":"a","id":"1"}', '/id'],
    ['a member __proto__', '{"content":"a","__proto__":{"x":1}}', '/__proto__'],
    ['an escaped member __proto__', '{"content":"a","\\u005f_proto__":{"x":1}}', '/__proto__'],
    ['a member __proto__ that has a content', '{"content":"a","__proto__":{"content":"b"}}', '/__proto__'],
    ['members constructor.prototype', '{"content":"a","constructor":{"prototype":{"x":1}}}', '/constructor'],
    ['a misspelled member', '{"content":"a","Content":"b"}', '/Content'],
    ['a member with / and ~', '{"content":"a","b/c~d":1}', '/b~1c~0d'],
    ['an empty member name', '{"content":"a","":1}', '/'],
    ['null as the body', 'null', ''],
    ['an array as the body', '[{"content":"a"}]', ''],
    ['a string as the body', '"a"', ''],
    ['a number as the body', '1e400', ''],
  ])('%s', async (_name, body, pointer) => {
    const { errors } = problemOf(await service.post(body), 422, 'validation-failed');
    expect(service.items.saves).toEqual([]);
    expect(errors).toEqual([{ pointer, detail: expect.stringMatching(/\S/) as string }]);
    expect({}).not.toHaveProperty('x');
  });

  test('every fault is named, but not endlessly many', async () => {
    const { errors } = problemOf(await service.post('{"content":1,"a":1,"b":2}'), 422, 'validation-failed');
    expect(errors?.map(({ pointer }) => pointer).toSorted()).toEqual(['/a', '/b', '/content']);
    const many = JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`key ${i}`, i])));
    const answer = await service.post(many);
    expect(problemOf(answer, 422, 'validation-failed').errors?.length).toBeLessThanOrEqual(100);
    expect(answer.body.length).toBeLessThan(10_000);
  });

  // CVE-2026-21717: such keys made V8's hash table quadratic.
  test.each([
    ['of the body', (keys: string) => `{${keys}}`],
    ['of the content', (keys: string) => `{"content":{${keys}}}`],
  ])('as many numeric keys as fit, %s, are answered quickly', async (_name, wrap) => {
    const body = wrap(Array.from({ length: 40_000 }, (_, i) => `"${i}":1`).join(','));
    const before = process.cpuUsage();
    expect(problemOf(await service.post(body))).toMatchObject(INVALID);
    const { user, system } = process.cpuUsage(before);
    expect(user + system, 'µs of CPU').toBeLessThan(1_000_000);
  });
});

describe('sizes', () => {
  test.each([
    ['one byte', JSON.stringify({ content: 'x' })],
    ['65,536 bytes', JSON.stringify({ content: 'x'.repeat(MAX_CONTENT_BYTES) })],
    ['65,536 bytes in characters of 2', JSON.stringify({ content: '\u00e9'.repeat(MAX_CONTENT_BYTES / 2) })],
    ['65,536 bytes in characters of 3', JSON.stringify({ content: '\u20ac'.repeat(21_845) + 'x' })],
    ['65,536 bytes in characters of 4', JSON.stringify({ content: '\u{1F600}'.repeat(MAX_CONTENT_BYTES / 4) })],
    ['65,536 bytes, each escaped', `{"content":"${'\\u0000'.repeat(MAX_CONTENT_BYTES)}"}`],
  ])('201 for a content of %s', async (_name, body) => {
    const answer = await service.post(body);
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toMatchObject(JSON.parse(body) as object);
  });

  test('413 for a body that no content needs, whatever is in it', async () => {
    const padded = `{"content":"a"${' '.repeat(400 * 1_024)}}`;
    const problem = problemOf(await service.post(padded), 413, 'payload-too-large');
    expect(problem.detail).toMatch(/\d/);
    expect(problemOf(await service.post(Buffer.alloc(2 ** 20, 0xff)))).toMatchObject(TOO_LARGE);
    const keys = Array.from({ length: 100_000 }, (_, i) => `"${i}":1`).join(',');
    expect(problemOf(await service.post(`{${keys}}`))).toMatchObject(TOO_LARGE);
    expect(service.items.saves).toEqual([]);
  });
});
