// POST /v1/items/lookup: what is saved with a content, and what it is compared by.
import { createHash } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { ServiceFailure } from '../../src/items/errors.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp, type Headers } from '../support/test-app.ts';

const service = await createTestApp();
beforeEach(() => service.reset());
afterAll(() => service.app.close());

const URL = '/v1/items/lookup';
const lookUp = (body: string, headers?: Headers) => service.post(body, headers, URL);
const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');

describe.each([
  ['a string', '"h\\u00e9llo"', 'string', 'h\u00e9llo'],
  ['a JSON value', '{"b":[1.50],"a":"\\u00e9"}', 'json', '{"a":"\u00e9","b":[1.5]}'],
])('%s', (_name, json, kind, canonical) => {
  const compared = { kind, canonical, sha256: sha256(canonical) };

  test('that is saved: 200 with the item, and what it is compared by', async () => {
    const saved = await service.post(`{"content":${json}}`);
    const answer = await lookUp(`{ "content": ${json} }`);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.json()).toEqual({ item: saved.json(), ...compared });
  });

  test('that is not saved: 404, and what it would be compared by', async () => {
    const answer = await lookUp(`{"content":${json}}`);
    expect(problemOf(answer, 404, 'item-not-found')).toMatchObject(compared);
    expect(service.items.saves).toEqual([]);
  });
});

test('a string is not found as the JSON value that it spells', async () => {
  await service.save('{"a":1}');
  expect(problemOf(await lookUp('{"content":{"a":1}}'))).toMatchObject({
    status: 404,
    kind: 'json',
    canonical: '{"a":1}',
  });
});

test.each([
  ['400 for what is not JSON', '{"content":', 400, 'malformed-json'],
  ['413 for what is too large', `{"content":"${'x'.repeat(500_000)}"}`, 413, 'payload-too-large'],
  ['422 for what is no content', '{"content":7}', 422, 'validation-failed'],
  ['422 for what has no canonical form', '{"content":[1e999]}', 422, 'validation-failed'],
])('%s', async (_name, body, status, code) => {
  expect(problemOf(await lookUp(body))).toMatchObject({ status, code });
});

test('415 for what is not called JSON', async () => {
  const answer = await lookUp('{"content":"a"}', { 'content-type': 'text/plain' });
  expect(problemOf(answer)).toMatchObject({ status: 415, code: 'unsupported-media-type' });
});

test('503 when the store cannot be asked', async () => {
  service.items.onRead = () => Promise.reject(new ServiceFailure('store-unavailable', 'x'));
  expect(problemOf(await lookUp('{"content":"a"}'))).toMatchObject({ status: 503, code: 'store-unavailable' });
});
