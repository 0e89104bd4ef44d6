// The Prefer header, RFC 7240.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { preferenceApplied, readPreferences } from '../../src/http/prefer.ts';

const read = (prefer: string) => readPreferences({ prefer });
const PARTS = ['handling', 'return', 'lenient', 'minimal', '=', ',', ';', ' ', '"', '\\', 'a'];
const NONE = { lenient: false, minimal: false };
const LENIENT = { lenient: true, minimal: false };
const BOTH = { lenient: true, minimal: true };

describe('Prefer', () => {
  test('that is not there asks for nothing', () => {
    expect(readPreferences({})).toEqual(NONE);
  });

  test.each([
    ['handling=lenient', LENIENT],
    ['HANDLING=Lenient', LENIENT],
    ['handling="lenient"', LENIENT],
    ['handling="len\\ient"', LENIENT],
    ['handling = lenient', LENIENT],
    ['handling\t=\tlenient;', LENIENT],
    ['handling=lenient; a; b=c;; d="x, handling=strict"', LENIENT],
    [', ,handling=lenient,', LENIENT],
    ['respond-async, wait=10, handling=lenient', LENIENT],
    ['foo="a,b;c\\"=d", handling=lenient', LENIENT],
    ['handling=lenient, handling=strict', LENIENT],
    ['return=minimal, handling=lenient', BOTH],
    ['handling=lenient,return=minimal', BOTH],
    ['return=representation, handling=lenient', LENIENT],
  ])('%j is read', (prefer, preferences) => {
    expect(read(prefer)).toEqual(preferences);
  });

  test.each([
    '',
    'handling',
    'handling=',
    'handling=""',
    'handling=strict',
    'handling=strict, handling=lenient',
    'handling=, handling=lenient',
    'handling=lenient2',
    'xhandling=lenient',
    'lenient',
    'a; handling=lenient',
    'a="handling=lenient"',
    '"handling"=lenient',
    'a="b, handling=lenient',
    'a=b=c, handling=lenient',
    'a b, handling=lenient',
    'handling=lenient strict',
    'handling=(lenient)',
    'h\u00e4ndling=lenient',
  ])('%j asks for nothing that we know', (prefer) => {
    expect(read(prefer)).toEqual(NONE);
  });

  test('of any text is read, and applied is what was read', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...PARTS) }), (text) => {
        const preferences = read(text);
        expect(read(preferenceApplied(preferences))).toEqual(preferences);
      }),
    );
  });

  // Quadratic time would take longer here than a test may.
  test.each(['"', '\\', '"\\', ';', ' ', ',', '; ', '= '])('of as many %j as fit into a head is no trouble', (part) => {
    expect(read(`a=${part.repeat(32_768 / part.length)}`)).toEqual(NONE);
  });
});
