// Ids of items and cursors of listings survive their text form, and nothing else passes for one.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { comparePositions, formatItemId, itemAt, parseItemId } from '../../src/items/item.ts';
import { decodeCursor, encodeCursor, MAX_CURSOR_LENGTH } from '../../src/items/list-cursor.ts';
import type { ListCursor } from '../../src/items/ports.ts';

const position = fc.record({
  ms: fc.nat({ max: 8_000_000_000_000 }),
  seq: fc.nat({ max: 1_000_000 }),
  partition: fc.nat({ max: 255 }),
});

describe('the id of an item', () => {
  test('reads back as the position that it was made of', () => {
    fc.assert(
      fc.property(position, (at) => {
        expect(parseItemId(formatItemId(at))).toEqual(at);
      }),
    );
  });

  test.each([
    '',
    '1-2',
    '1-2-3-4',
    '01-2-3',
    '1-02-3',
    '1-2-03',
    '-1-2-3',
    '1-2-x',
    ' 1-2-3',
    '1-2-3\n',
    '1e3-2-3',
    '9'.repeat(16) + '-0-0',
  ])('is not %j', (text) => {
    expect(parseItemId(text)).toBeNull();
  });

  test('tells when the item was created', () => {
    expect(itemAt({ ms: 1_763_712_000_000, seq: 0, partition: 7 }, { kind: 'string', text: 'x' }, 'acme')).toEqual({
      id: '1763712000000-0-7',
      content: 'x',
      source: 'acme',
      createdAt: '2025-11-21T08:00:00.000Z',
    });
  });

  test('orders by time, then sequence, then partition', () => {
    const ids = ['2-0-0', '1-0-1', '1-1-0', '1-0-0'].map((id) => parseItemId(id)!);
    expect(ids.toSorted(comparePositions).map(formatItemId)).toEqual(['1-0-0', '1-0-1', '1-1-0', '2-0-0']);
  });
});

describe('a cursor', () => {
  const stream = fc.record({ ms: fc.nat({ max: 8_000_000_000_000 }), seq: fc.nat({ max: 1_000_000 }) });
  const cursor: fc.Arbitrary<ListCursor> = fc.record({
    order: fc.constantFrom('asc' as const, 'desc' as const),
    positions: fc.array(fc.option(stream), { minLength: 1, maxLength: 256 }),
  });

  test('reads back as what it was made of, within its length, in URL-safe characters', () => {
    fc.assert(
      fc.property(cursor, (value) => {
        const text = encodeCursor(value);
        expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(text.length).toBeLessThanOrEqual(MAX_CURSOR_LENGTH);
        expect(decodeCursor(text, value.positions.length)).toEqual(value);
        expect(decodeCursor(text, value.positions.length + 1)).toBeNull();
      }),
    );
  });

  test('has one text only, and no other text passes for one', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const value = decodeCursor(text, 1);
        expect(value === null || encodeCursor(value) === text).toBe(true);
      }),
    );
    for (const plain of [
      'a',
      'x1~0.0',
      'a1~',
      'a1~0.0~0.0',
      'a1~2.0',
      'a1~0.-1',
      'a1~0',
      'a01~0.0',
      'a1~0.0 ',
      'aNaN~0.x',
    ]) {
      const text = Buffer.from(plain).toString('base64url');
      const value = decodeCursor(text, 1);
      expect(value === null || encodeCursor(value) === text).toBe(true);
    }
    expect(decodeCursor(Buffer.from('a1~2.0').toString('base64url'), 1)).toBeNull();
  });

  test('stays short for recent items of the default number of partitions', () => {
    const positions = Array.from({ length: 16 }, (_, i) => ({ ms: 1_795_000_000_000 - i * 900, seq: i }));
    expect(encodeCursor({ order: 'asc', positions }).length).toBeLessThan(160);
  });
});
