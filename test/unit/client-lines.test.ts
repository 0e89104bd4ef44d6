// The client's parsers: the same lines and events, however the bytes are divided into chunks.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readResult } from '../../client/batch-results.ts';
import { type Line, LineSplitter } from '../../client/line-splitter.ts';
import { readRetryAfterMs } from '../../client/retry-after.ts';
import { type SseEvent, SseParser } from '../../client/sse-parser.ts';

/** Cuts at the places given, in any order and beyond the end. */
function chunksOf<T extends { length: number; slice: (a: number, b?: number) => T }>(whole: T, cuts: number[]): T[] {
  const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b), whole.length];
  return places.slice(1).map((end, n) => whole.slice(places[n] ?? 0, end));
}

function split(chunks: Uint8Array[], maxBytes: number): Line[] {
  const splitter = new LineSplitter(maxBytes);
  const lines = chunks.flatMap((chunk) => splitter.push(chunk));
  const last = splitter.end();
  return last === null ? lines : [...lines, last];
}

const textsOf = (lines: Line[]): string[] => lines.map(({ bytes }) => Buffer.from(bytes).toString());

function parse(chunks: string[]): { events: SseEvent[]; parser: SseParser } {
  const parser = new SseParser();
  return { events: chunks.flatMap((chunk) => parser.push(chunk)), parser };
}

const cuts = fc.array(fc.nat(10_000), { maxLength: 20 });

describe('lines', () => {
  test('any chunks give the same lines, and their sizes add up to the whole', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '\n', '\r', 'é', '{'), maxLength: 200 }), cuts, (text, at) => {
        const bytes = new TextEncoder().encode(text);
        const lines = split(chunksOf(bytes, at), 1_000);
        const expected = text.split('\n');
        if (expected.at(-1) === '') expected.pop();
        expect(textsOf(lines)).toEqual(expected);
        expect(lines.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(bytes.length);
      }),
    );
  });

  test('a line over the limit keeps its beginning and its size, and the next one is whole', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), cuts, (length, at) => {
        const bytes = new TextEncoder().encode(`${'x'.repeat(length)}\nnext\n`);
        const [long, next] = split(chunksOf(bytes, at), 8);
        expect(long?.bytes.length).toBe(Math.min(length, 8));
        expect(long).toMatchObject({ sizeBytes: length + 1, isTooLong: length > 8 });
        expect(textsOf(next === undefined ? [] : [next])).toEqual(['next']);
      }),
    );
  });
});

describe('events', () => {
  test('any chunks and any line ends give the same events', () => {
    const stream =
      '\u{feff}retry: 1500\n\n: beat\n\nid: c1\nevent: item\ndata: {"a":1}\n\nid: c2\ndata\ndata: x\n\nid: c3\n\n';
    fc.assert(
      fc.property(cuts, fc.constantFrom('\n', '\r', '\r\n'), (at, end) => {
        const { events, parser } = parse([...chunksOf(stream.replaceAll('\n', end), at), 'x']);
        expect(events).toEqual([
          { type: 'item', data: '{"a":1}', lastEventId: 'c1' },
          { type: 'message', data: '\nx', lastEventId: 'c2' },
        ]);
        expect(parser.retryMs).toBe(1_500);
        expect(parser.lastEventId).toBe('c3');
      }),
    );
  });

  test('an event that did not end moves no position', () => {
    expect(parse(['id: c1\ndata: a\n\nid: c2\ndata: b\n']).parser.lastEventId).toBe('c1');
  });

  test('an endless event is refused', () => {
    expect(() => parse(['data: '.padEnd(2_000_001)])).toThrow(RangeError);
  });
});

test.each<[string | null, number | null]>([
  [null, null],
  ['', null],
  ['3', 3_000],
  ['0', 0],
  ['soon', null],
  ['-1', null],
  ['Fri, 21 Nov 2025 08:00:05 GMT', 5_000],
  ['Friday, 21-Nov-25 08:00:05 GMT', 5_000],
  ['Fri, 21 Nov 2025 07:00:00 GMT', 0],
])('Retry-After: %s', (header, expected) => {
  expect(readRetryAfterMs(header, Date.parse('2025-11-21T08:00:00Z'))).toBe(expected);
});

test.each([
  [
    { status: 201, id: 'i' },
    { kind: 'saved', id: 'i' },
  ],
  [
    { status: 201, replayed: true, id: 'i' },
    { kind: 'replayed', id: 'i' },
  ],
  [
    { status: 409, code: 'duplicate-item', id: 'i' },
    { kind: 'duplicate', id: 'i' },
  ],
  [
    { status: 200, id: 'i' },
    { kind: 'duplicate', id: 'i' },
  ],
  [
    { status: 409, code: 'save-in-progress' },
    { kind: 'failed', status: 409, code: 'save-in-progress', detail: '', errors: [] },
  ],
])('result %j', (wire, expected) => {
  expect(readResult(wire)).toEqual(expected);
});

test('what is no result is no answer', () => {
  for (const wire of [null, {}, { status: 201 }, 'x']) expect(() => readResult(wire)).toThrow('no answer');
});
