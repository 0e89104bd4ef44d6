// A body of lines in pieces: however it is cut, the lines are the same, and a long one costs no memory.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Line, NdjsonLines } from '../../src/http/ndjson-lines.ts';

const MAX_BYTES = 8;

/** The lines of a body that arrives in these pieces, as text. */
function linesOf(...pieces: string[]): (string | null)[] {
  const lines = new NdjsonLines(MAX_BYTES);
  const found: (string | null)[] = [];
  const takeAll = (): void => {
    for (let line: Line | undefined; (line = lines.next()) !== undefined;) found.push(line && line.toString('latin1'));
  };
  for (const piece of pieces) {
    lines.push(Buffer.from(piece, 'latin1'));
    takeAll();
  }
  lines.end();
  takeAll();
  return found;
}

describe('the lines of', () => {
  test.each<[string, (string | null)[]]>([
    ['', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['a\nb', ['a', 'b']],
    ['a\r\nb\r\n', ['a', 'b']],
    ['\n', ['']],
    ['\na\n\n\nb', ['', 'a', '', '', 'b']],
    ['\r\n\r\n', ['', '']],
    ['a\rb\n', ['a\rb']],
    ['a\r\r\n', ['a\r']],
    ['a\r', ['a']],
    ['12345678\n', ['12345678']],
    ['12345678\r\n', ['12345678']],
    ['12345678', ['12345678']],
    ['123456789\n', [null]],
    ['123456789\r\n', [null]],
    ['123456789', [null]],
    ['a\n123456789012345678901234567890\nb\n', ['a', null, 'b']],
  ])('%j are %j', (body, lines) => {
    expect(linesOf(body)).toEqual(lines);
    expect(linesOf(...body.split(''))).toEqual(lines);
  });
});

test('are the same however the body is cut into pieces', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\r', '\n'), maxLength: 60 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(60)), (body, cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), body.length];
      const pieces = places.slice(1).map((end, i) => body.slice(places[i], end));
      expect(linesOf(...pieces)).toEqual(linesOf(body));
    }),
  );
});

test('of a line that is too long nothing is kept while it goes on', () => {
  const lines = new NdjsonLines(1_000);
  const piece = Buffer.alloc(1_000_000, 'a');
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 500; i++) {
    lines.push(piece);
    expect(lines.next()).toBeUndefined();
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
  lines.push(Buffer.from('\nb\n'));
  expect([lines.next(), lines.next()?.toString()]).toEqual([null, 'b']);
});
