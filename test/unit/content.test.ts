// What a content is, when two are the same, and how a request names itself.
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Content, contentFrom, contentKey, contentValue, MAX_CONTENT_BYTES } from '../../src/items/content.ts';
import type { JsonValue } from '../../src/items/json-value.ts';
import { itemTokens, requestToken } from '../../src/items/request-token.ts';
import { parseJson } from '../../src/items/strict-json.ts';
import { choices, jsonValues, spell } from '../support/json-spelling.ts';

const keyOf = (text: string) => contentKey({ kind: 'string', text }).hex;

describe('the key of a content', () => {
  test('is 20 bytes, and its hex is the digest', () => {
    const { digest, hex } = contentKey({ kind: 'string', text: 'hello' });
    expect(digest).toHaveLength(20);
    expect(hex).toBe(digest.toString('hex'));
  });

  test('is the same for equal texts and different for all others', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        expect(keyOf(a) === keyOf(b)).toBe(a === b);
      }),
    );
  });

  test.each([
    ['space at the end', 'a', 'a '],
    ['line ends', 'a\n', 'a\r\n'],
    ['case', 'a', 'A'],
    ['Unicode normal form', '\u00e9', 'e\u0301'],
    ['byte order mark', 'a', '\ufeffa'],
  ])('differs by %s', (_name, a, b) => {
    expect(keyOf(a)).not.toBe(keyOf(b));
  });
});

describe('a text', () => {
  test.each([
    ['one byte', 'a'],
    ['white space', ' \n'],
    ['a NUL', '\0'],
    ['the most bytes', 'a'.repeat(MAX_CONTENT_BYTES)],
    ['the most bytes in four-byte characters', '🙂'.repeat(MAX_CONTENT_BYTES / 4)],
  ])('may be %s', (_name, text) => {
    expect(contentFrom(text)).toEqual({ kind: 'string', text });
  });

  test.each([
    ['empty', '', 'empty'],
    ['one byte too long', 'a'.repeat(MAX_CONTENT_BYTES + 1), '65536 bytes'],
    ['too long in bytes only', 'é'.repeat(MAX_CONTENT_BYTES / 2) + 'a', '65536 bytes'],
    ['a lone surrogate', 'a\ud800b', 'well-formed'],
  ])('may not be %s', (_name, text, reason) => {
    expect(contentFrom(text)).toEqual({ fault: expect.stringContaining(reason) as string });
  });
});

const contentOf = (text: string) => contentFrom(parseJson(text).value);
const keyOfJson = (text: string) => contentKey(contentOf(text) as Content).hex;
/** An array with one text that takes so many bytes. */
const sized = (bytes: number) => `["${'\u00e9'.repeat((bytes - 4) / 2)}"]`;

describe('a JSON value', () => {
  // RFC 8785, section 3.2.2 and 3.2.3, and the corners of JavaScript.
  test.each([
    ['{"b":1,"a":2}', '{"a":2,"b":1}'],
    [
      '{"\u20ac":1,"\\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}',
      '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\u{1f600}":5,"\ufb33":3}',
    ],
    ['[56.0, 1e21, 1E30, 4.50, 2e-3, 0.000000000000000000000000001, -0]', '[56,1e+21,1e+30,4.5,0.002,1e-27,0]'],
    [
      '{"a":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\\"\\/"}',
      '{"a":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    ],
    ['{"__proto__":{"b":1,"a":2}}', '{"__proto__":{"a":2,"b":1}}'],
    ['{"toJSON":"a","constructor":{"prototype":[]}}', '{"constructor":{"prototype":[]},"toJSON":"a"}'],
    ['{"10":1,"9":2}', '{"10":1,"9":2}'],
    [' [ ] ', '[]'],
    ['{}', '{}'],
  ])('%j is stored in its canonical form', (text, canonical) => {
    expect(contentOf(text)).toEqual({ kind: 'json', text: canonical });
  });

  test('has one key, however it is spelled, and comes back as it was', () => {
    fc.assert(
      fc.property(jsonValues, choices, choices, (value, chooseA, chooseB) => {
        const [a, b] = [spell([value], chooseA), spell([value], chooseB)];
        expect(keyOfJson(a)).toBe(keyOfJson(b));
        expect(contentValue(contentOf(a) as Content)).toEqual(withoutMinusZero(JSON.parse(b)));
      }),
    );
  });

  test('has another key than every other value', () => {
    // Few names, numbers and strings, so that some pairs are alike and most differ in little.
    const values = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 2 },
        fc.constantFrom<JsonValue>(
          null,
          true,
          false,
          0,
          -0,
          1,
          -1,
          0.1,
          1e21,
          '',
          '0',
          'null',
          'a',
          '\u00e9',
          'e\u0301',
        ),
        fc.array(tie('value') as fc.Arbitrary<JsonValue>, { maxLength: 2 }),
        fc.dictionary(fc.constantFrom('', 'a', 'b', '__proto__'), tie('value') as fc.Arbitrary<JsonValue>, {
          maxKeys: 2,
        }),
      ),
    })).value as fc.Arbitrary<JsonValue>;
    fc.assert(
      fc.property(values, values, (a, b) => {
        const isSame = isDeepStrictEqual(withoutMinusZero(a), withoutMinusZero(b));
        expect(keyOfJson(JSON.stringify([a])) === keyOfJson(JSON.stringify([b]))).toBe(isSame);
      }),
      { numRuns: 500 },
    );
  });

  test('is never the same content as a string', () => {
    fc.assert(
      fc.property(jsonValues, (value) => {
        const { text } = contentOf(JSON.stringify([value])) as Content;
        expect(keyOf(text)).not.toBe(keyOfJson(text));
      }),
    );
  });

  test.each([['null'], ['true'], ['0'], ['1e3']])('may not be %s', (text) => {
    expect(contentOf(text)).toEqual({ fault: 'must be a string, an object or an array' });
  });

  test('may take as many bytes as a string, in its canonical form', () => {
    expect(contentOf(sized(MAX_CONTENT_BYTES))).toMatchObject({ kind: 'json' });
    expect(contentOf(`  ${sized(MAX_CONTENT_BYTES)}  `)).toMatchObject({ kind: 'json' });
    expect(contentOf(`[${' '.repeat(MAX_CONTENT_BYTES)}]`)).toEqual({ kind: 'json', text: '[]' });
    expect(contentOf(sized(MAX_CONTENT_BYTES + 2))).toMatchObject({
      fault: expect.stringContaining('65536') as string,
    });
    const short = `[${Array.from({ length: 3_200 }, () => '1e20').join()}]`;
    expect(short.length).toBeLessThan(MAX_CONTENT_BYTES);
    expect(contentOf(short)).toMatchObject({ fault: expect.stringContaining('65536') as string });
  });
});

/** In JSON -0 and 0 are the same number. */
const withoutMinusZero = (value: JsonValue): JsonValue => JSON.parse(JSON.stringify(value)) as JsonValue;

describe('the request token', () => {
  const source = 'anonymous';

  test('is the same for the same idempotency key of the same source, and for the same attempt', () => {
    const key = { source, idempotencyKey: 'k' };
    expect(requestToken({ ...key, attemptId: '1' })).toEqual(requestToken({ ...key, attemptId: '2' }));
    expect(requestToken({ source, attemptId: '1' })).toEqual(requestToken({ source, attemptId: '1' }));
    const [first, again] = [itemTokens({ ...key, attemptId: '1' }), itemTokens(key)];
    first(1);
    expect(again(7)).toEqual(first(7));
  });

  test('is another one for another source, another kind of id, another item, and for each request without an id', () => {
    const [batch, attempt] = [itemTokens({ source, idempotencyKey: 'k' }), itemTokens({ source, attemptId: 'k' })];
    const numbers = [1, 2, 255, 256, 65_536, 2 ** 47];
    const tokens = [
      requestToken({ source, idempotencyKey: 'k' }),
      requestToken({ source: 'acme', idempotencyKey: 'k' }),
      requestToken({ source, idempotencyKey: 'l' }),
      requestToken({ source, attemptId: 'k' }),
      ...Array.from({ length: 1_000 }, () => requestToken({ source })),
      itemTokens({ source })(1),
      itemTokens({ source })(1),
      itemTokens({ source: 'acme', idempotencyKey: 'k' })(1),
      ...numbers.flatMap((number) => [batch(number), attempt(number)]),
    ].map(({ token }) => token);
    expect(new Set(tokens).size).toBe(tokens.length);
    for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{16}$/);
  });

  test('says who else can have it', () => {
    const ids = [{}, { attemptId: 'a' }, { idempotencyKey: 'k' }];
    expect(ids.map((id) => requestToken({ source, ...id }).tokenKind)).toEqual(['random', 'attempt', 'key']);
    expect(ids.map((id) => itemTokens({ source, ...id })(1).tokenKind)).toEqual(['random', 'attempt', 'batch']);
  });
});
