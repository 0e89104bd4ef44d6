// Which JSON texts are refused before they are parsed: none that anybody would take, and all that cost much.
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readBatch } from '../../src/http/batch-body.ts';
import { readContent } from '../../src/http/item-body.ts';
import { MAX_BATCH_BODY_BYTES, MAX_BATCH_VALUES, MAX_BODY_BYTES } from '../../src/http/limits.ts';
import { ProblemError } from '../../src/http/problems.ts';
import type { JsonValue } from '../../src/items/json-value.ts';
import { exceeds } from '../../src/items/json-bounds.ts';
import { choices, jsonValues, spell } from '../support/json-spelling.ts';

/** An empty object or array counts as if it had a member. */
function valuesIn(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 1;
  const members = Object.values(value).map((member) => valuesIn(member));
  return members.length === 0 ? 2 : members.reduce((sum, count) => sum + count, 1);
}

test('a text that is within its bounds never exceeds them, however it is spelled', () => {
  fc.assert(
    fc.property(jsonValues, choices, (value, choose) => {
      const canonicalBytes = Buffer.byteLength(canonicalize(value) ?? '');
      const bounds = { values: valuesIn(value), canonicalBytes };
      expect(exceeds(spell(value, choose), bounds)).toBe(false);
    }),
  );
});

test('in plain spelling a bound is met to the byte and to the value, but for characters of more than one byte', () => {
  for (const value of [[1], [[], [], {}], { a: 1, b: [true, null] }, ['x'.repeat(99)], { '': '' }]) {
    const text = JSON.stringify(value);
    expect(exceeds(text, { values: Infinity, canonicalBytes: text.length })).toBe(false);
    expect(exceeds(text, { values: Infinity, canonicalBytes: text.length - 1 - digitsIn(text) })).toBe(true);
  }
  expect(exceeds('[0,0,0]', { values: 3, canonicalBytes: 99 })).toBe(true);
  expect(exceeds('[0,0,0]', { values: 4, canonicalBytes: 99 })).toBe(false);
});

/** All but the first character of numbers and words, which are not counted. */
const digitsIn = (text: string): number =>
  (text.replaceAll(/"[^"]*"/g, '').match(/[\w.]+/g) ?? []).reduce((sum, word) => sum + word.length - 1, 0);

test('a text that is not JSON comes to an end', () => {
  for (const text of ['"', '{"a', '"\\', '[[[', ',,,', 'x', '', '\\'.repeat(100)]) {
    expect(typeof exceeds(text, { values: 9, canonicalBytes: 9 })).toBe('boolean');
  }
});

/** A body of the largest size that holds a unit as often as it fits. */
function filled(before: string, unit: (i: number) => string, behind: string, bytes = MAX_BODY_BYTES): string {
  const parts: string[] = [];
  for (let left = bytes - before.length - behind.length; left > 0;) {
    parts.push(unit(parts.length));
    left -= (parts.at(-1)?.length ?? 0) + 1;
  }
  return before + parts.slice(0, -1).join(',') + behind;
}

/** What was measured to take between 60 and 250 ms. */
const HOSTILE = {
  'empty arrays': filled('{"content":[', () => '[]', ']}'),
  'empty objects': filled('{"content":[', () => '{}', ']}'),
  'nested arrays': filled('{"content":[', () => '['.repeat(60) + ']'.repeat(60), ']}'),
  'one array in the other': `{"content":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
  digits: filled('{"content":[', () => '0', ']}'),
  'numbers that are none': filled('{"content":[', () => '1e999', ']}'),
  'names like indexes': filled('{"content":{', (i) => `"${i}":0`, '}}'),
  'other names': filled('{"content":{', (i) => `"k${i.toString(36)}":0`, '}}'),
  'the same name': filled('{"content":{', () => '"":0', '}}'),
  'escaped texts': filled('{"content":[', () => '"\\u0041"', ']}'),
  'lone surrogates': filled('{"content":[', () => '"\\ud800"', ']}'),
  __proto__: filled('{"content":[', () => '{"__proto__":0}', ']}'),
  'members beside the content': filled('{', (i) => `"k${i.toString(36)}":[[]]`, '}'),
};

describe('a body of the largest size is refused before it is parsed', () => {
  test.each(Object.entries(HOSTILE))('%s', (_name, body) => {
    expect(body.length).toBeGreaterThan(MAX_BODY_BYTES - 20_000);
    const problem = thrownBy(() => readContent(body));
    expect(problem).toMatchObject({ code: 'validation-failed', message: 'the item is too large' });
    const pointer = body.startsWith('{"content"') ? '/content' : '';
    expect(problem.extras.errors).toEqual([{ pointer, detail: 'must take at most 65536 bytes in UTF-8' }]);
  });

  test('a batch', () => {
    for (const unit of ['[]', '0', '{}']) {
      const body = filled('{"items":[{"content":[', () => unit, ']}]}', MAX_BATCH_BODY_BYTES);
      expect(thrownBy(() => readBatch(body))).toMatchObject({
        code: 'payload-too-large',
        message: `the items must have at most ${MAX_BATCH_VALUES} values in all; more can be sent as application/x-ndjson`,
      });
    }
  });
});

test('a batch of 1,000 items of 8 KB with a value for every 17 bytes is read', () => {
  const item = `{"content":[${Array.from({ length: 480 }, () => '"0123456789ab"').join(',')}]}`;
  const body = `{"items":[${Array.from({ length: 1_000 }, () => item).join(',')}]}`;
  expect(body.length).toBeGreaterThan(7_000_000);
  expect(readBatch(body)).toHaveLength(1_000);
});

function thrownBy(work: () => unknown): ProblemError {
  try {
    work();
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
