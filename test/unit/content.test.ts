// What a content is, when two are the same, and how a request names itself.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentFault, contentKey, MAX_CONTENT_BYTES } from '../../src/items/content.ts';
import { requestToken } from '../../src/items/request-token.ts';

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
    expect(contentFault(text)).toBeNull();
  });

  test.each([
    ['empty', '', 'empty'],
    ['one byte too long', 'a'.repeat(MAX_CONTENT_BYTES + 1), '65536 bytes'],
    ['too long in bytes only', 'é'.repeat(MAX_CONTENT_BYTES / 2) + 'a', '65536 bytes'],
    ['a lone surrogate', 'a\ud800b', 'well-formed'],
  ])('may not be %s', (_name, text, reason) => {
    expect(contentFault(text)).toContain(reason);
  });
});

describe('the request token', () => {
  const source = 'anonymous';

  test('is the same for the same idempotency key of the same source, and for the same attempt', () => {
    const key = { source, idempotencyKey: 'k' };
    expect(requestToken({ ...key, attemptId: '1' })).toEqual(requestToken({ ...key, attemptId: '2' }));
    expect(requestToken({ source, attemptId: '1' })).toEqual(requestToken({ source, attemptId: '1' }));
    const item = { ...key, itemNumber: 7 };
    expect(requestToken({ ...item, attemptId: '1' })).toEqual(requestToken(item));
  });

  test('is another one for another source, another kind of id, another item, and for each request without an id', () => {
    const tokens = [
      requestToken({ source, idempotencyKey: 'k' }),
      requestToken({ source: 'acme', idempotencyKey: 'k' }),
      requestToken({ source, idempotencyKey: 'l' }),
      requestToken({ source, attemptId: 'k' }),
      requestToken({ source }),
      requestToken({ source }),
      requestToken({ source, itemNumber: 1 }),
      requestToken({ source, idempotencyKey: 'k', itemNumber: 1 }),
      requestToken({ source, idempotencyKey: 'k', itemNumber: 2 }),
      requestToken({ source, attemptId: 'k', itemNumber: 1 }),
      requestToken({ source, attemptId: 'k', itemNumber: 2 }),
    ].map(({ token }) => token);
    expect(new Set(tokens).size).toBe(tokens.length);
    for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  test('says who else can have it', () => {
    const ids = [{}, { attemptId: 'a' }, { idempotencyKey: 'k' }, { idempotencyKey: 'k', itemNumber: 1 }];
    const kinds = ids.map((id) => requestToken({ source, ...id }).tokenKind);
    expect(kinds).toEqual(['random', 'attempt', 'key', 'batch']);
  });
});
