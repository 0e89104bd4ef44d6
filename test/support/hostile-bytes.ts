// Bytes that nobody would send to an HTTP server: requests with a few places changed, and bytes from nowhere.
import fc from 'fast-check';
import { REFUSED, REFUSED_BY_INSTANCES, TAKEN } from './hostile-requests.ts';

/** What is changed; as it is, most of it is fine, or refused for one reason. */
export const SEEDS = [
  ...Object.values({ ...REFUSED, ...REFUSED_BY_INSTANCES, ...TAKEN }).filter((raw) => raw.length < 10_000),
  ...[
    'GET /v1/items?limit=10&cursor=YQ&order=asc',
    'GET /v1/items/1-0-0',
    'DELETE /v1/items/1-0-0',
    'GET /problems/bad-request',
    'GET /openapi.json',
    'OPTIONS /v1/items',
    'GET /v1/stats',
    'GET /metrics',
  ].map((line) => `${line} HTTP/1.1\r\nHost: x\r\nIf-None-Match: "a"\r\nAccept: */*\r\n\r\n`),
  ...['/v1/items', '/v1/items/batch', '/v1/items/lookup'].map((path) => {
    const body = '{"items":[{"content":{"a":[1,2.50,"\\u0041",null]}}]}';
    const type = path.endsWith('batch') ? 'application/x-ndjson' : 'application/json';
    return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nPrefer: handling=lenient\r\nIdempotency-Key: "k"\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  }),
];
const PARTS = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  ':',
  '\xff',
  '%00',
  '%',
  '../',
  '{',
  '"',
  '\\',
  ';',
  ',',
  '0',
  '-1',
  'chunked',
  '__proto__',
];

/** A request with a few of its bytes changed, or bytes from nowhere. */
const requests = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...SEEDS),
        fc.array(fc.tuple(fc.nat(), fc.nat(8), fc.oneof(fc.constantFrom(...PARTS), fc.string({ maxLength: 9 }))), {
          maxLength: 4,
        }),
      )
      .map(([seed, changes]) =>
        changes.reduce((text, [at, length, part]) => {
          const place = at % (text.length + 1);
          return text.slice(0, place) + part + text.slice(place + length);
        }, seed),
      ),
  },
);

/** One to three of them behind each other, for one connection; as latin1. */
export const hostileBytes = fc.array(requests, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(''));
