// The check of answers against the OpenAPI document: takes what is as documented, and finds what is not.
import { describe, expect, test } from 'vitest';
import { assertContract, contractFaults, type Exchange } from '../support/contract.ts';

const ITEM = { id: '1763712000000-0-7', content: 'hello', source: 'anonymous', createdAt: '2025-11-21T08:00:00.000Z' };
const SAVED: Exchange = {
  method: 'POST',
  url: '/v1/items?x=1',
  sent: '{"content":"hello"}',
  status: 201,
  headers: {
    'content-type': 'application/json; charset=utf-8',
    'x-request-id': 'r-1',
    location: `/v1/items/${ITEM.id}`,
    etag: `"${ITEM.id}"`,
  },
  body: JSON.stringify(ITEM),
};
const problem = (status: number, code: string, title: string, members: object = {}) =>
  JSON.stringify({
    type: `/problems/${code}`,
    title,
    status,
    detail: 'what happened',
    instance: '/v1/items',
    code,
    requestId: 'r-1',
    ...members,
  });
const DUPLICATE: Exchange = {
  ...SAVED,
  status: 409,
  headers: { 'content-type': 'application/problem+json', 'x-request-id': 'r-1', location: `/v1/items/${ITEM.id}` },
  body: problem(409, 'duplicate-item', 'Duplicate item', { item: ITEM }),
};
const NOWHERE: Exchange = {
  method: 'GET',
  url: '/unknown',
  status: 404,
  headers: { 'content-type': 'application/problem+json', 'x-request-id': 'r-1' },
  body: problem(404, 'not-found', 'Not found'),
};
const LINES: Exchange = {
  method: 'POST',
  url: '/v1/items/batch',
  status: 200,
  headers: { 'content-type': 'application/x-ndjson', 'x-request-id': 'r-1' },
  body: `${JSON.stringify({ status: 201, item: ITEM })}\n${JSON.stringify({ status: 409, code: 'duplicate-item', id: ITEM.id })}\n`,
};
const OPTIONS: Exchange = { method: 'OPTIONS', url: '/v1/items', status: 204, headers: { allow: 'GET' }, body: '' };
const HEAD: Exchange = {
  method: 'HEAD',
  url: `/v1/items/${ITEM.id}`,
  status: 200,
  headers: {
    'content-type': 'application/json',
    'x-request-id': 'r-1',
    etag: `"${ITEM.id}"`,
    'cache-control': 'no-cache',
  },
  body: '',
};

test.each([
  ['a save', SAVED],
  ['a replay', { ...SAVED, headers: { ...SAVED.headers, 'idempotent-replayed': 'true' } }],
  ['a duplicate', DUPLICATE],
  ['an address that is not there', NOWHERE],
  ['lines', LINES],
  ['OPTIONS', OPTIONS],
  ['HEAD', HEAD],
])('takes %s', (_name, exchange) => {
  expect(contractFaults(exchange)).toEqual([]);
});

const withHeaders = (exchange: Exchange, headers: Record<string, unknown>): Exchange => ({
  ...exchange,
  headers: Object.fromEntries(
    Object.entries({ ...exchange.headers, ...headers }).filter(([, value]) => value !== undefined),
  ),
});

describe('finds', () => {
  test.each<[string, Exchange, RegExp]>([
    ['a status that is not documented', { ...SAVED, status: 202 }, /no 202 is documented/],
    ['a header that is missing', withHeaders(SAVED, { location: undefined }), /Location is missing/],
    ['a header of another form', withHeaders(SAVED, { etag: '1' }), /ETag must match pattern/],
    ['a header that is not documented', withHeaders(SAVED, { 'retry-after': '1' }), /retry-after is not documented/],
    ['a member too many', { ...SAVED, body: JSON.stringify({ ...ITEM, extra: 1 }) }, /additional properties/],
    ['a member too few', { ...SAVED, body: JSON.stringify({ ...ITEM, source: undefined }) }, /'source'/],
    ['a time of another form', { ...SAVED, body: JSON.stringify({ ...ITEM, createdAt: '2025-11-21' }) }, /createdAt/],
    ['another media type', withHeaders(SAVED, { 'content-type': 'text/plain' }), /text\/plain is not documented/],
    ['a request that should have been refused', { ...SAVED, sent: '{"content":5}' }, /content/],
    [
      'a problem with the title of another',
      { ...DUPLICATE, body: problem(409, 'duplicate-item', 'Save in progress', { item: ITEM }) },
      /title/,
    ],
    [
      'a duplicate without its original',
      { ...DUPLICATE, body: problem(409, 'duplicate-item', 'Duplicate item') },
      /item/,
    ],
    [
      'a problem that this address does not have',
      { ...DUPLICATE, body: problem(409, 'storage-full', 'Storage full') },
      /oneOf|equal/,
    ],
    ['an address that is not documented', { ...NOWHERE, status: 200, body: '{}' }, /no 200 is documented/],
    ['a line that is no result', { ...LINES, body: `${LINES.body}{"status":201}\n` }, /\{"status":201\}/],
    ['OPTIONS without Allow', { ...OPTIONS, headers: {} }, /needs Allow/],
    ['HEAD with a body', { ...HEAD, body: '{}' }, /HEAD/],
    ['a 304 with a body', { ...HEAD, method: 'GET', status: 304, body: '{}' }, /no body is documented/],
  ])('%s', (_name, exchange, expected) => {
    expect(contractFaults(exchange).join('\n')).toMatch(expected);
    expect(() => assertContract(exchange)).toThrow(/is not as docs\/openapi.json says/);
  });
});
