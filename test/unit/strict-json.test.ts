// What in a JSON text has no exact canonical form.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointerTo } from '../../src/items/json-pointer.ts';
import type { JsonValue } from '../../src/items/json-value.ts';
import { MAX_DEPTH, parseJson } from '../../src/items/strict-json.ts';
import { choices, jsonValues, spell } from '../support/json-spelling.ts';

const faultsIn = (text: string, itemDepth?: number) => parseJson(text, itemDepth).faults;
const pointersIn = (text: string, itemDepth?: number) => faultsIn(text, itemDepth).map(({ pointer }) => pointer);

describe('a JSON text', () => {
  test('has the value that it has for JSON.parse, however it is spelled, and no fault', () => {
    fc.assert(
      fc.property(jsonValues, choices, (value, choose) => {
        const text = spell(value, choose);
        expect(parseJson(text)).toEqual({ value: JSON.parse(text), faults: [] });
      }),
    );
  });

  test('keeps a member __proto__ as a member', () => {
    const { value, faults } = parseJson('{"__proto__":{"x":1}}');
    expect(faults).toEqual([]);
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(value).not.toHaveProperty('x');
  });

  test('is one, or is an error, as for JSON.parse', () => {
    const units = fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', 'u', 'e', '0', '1', '9', '.', '-', '+', ' ');
    fc.assert(
      fc.property(fc.string({ unit: units }), (text) => {
        const parsed = tried(() => parseJson(text).value);
        expect(parsed).toEqual(tried(() => JSON.parse(text) as JsonValue));
      }),
      { numRuns: 300 },
    );
  });
});

/** What it returns, in an array, or the message of what it throws. */
function tried(work: () => JsonValue): [JsonValue] | string {
  try {
    return [work()];
  } catch (error) {
    return (error as Error).message;
  }
}

const digits = (maxLength: number) => fc.array(fc.nat(9), { maxLength }).map((list) => list.join(''));

describe('a number', () => {
  test.each(['0', '-0', '0.0', '1', '1.0', '1e0', '10E-1', '0.1', '1.50', '100e-2', '-1.5e+300', '5e-324', '1e23'])(
    '%s is exact',
    (source) => expect(faultsIn(source)).toEqual([]),
  );

  test.each([
    ['0e99999999999999999999'],
    [`1${'0'.repeat(400)}e-400`],
    [`0.${'0'.repeat(400)}1e401`],
    ['9007199254740991'],
    ['9007199254740992'],
    ['1.7976931348623157e308'],
  ])('%s is exact too', (source) => expect(faultsIn(source)).toEqual([]));

  test.each([
    ['9007199254740993', '9007199254740992'],
    ['0.1000000000000000055', '0.1'],
    ['0.30000000000000001', '0.3'],
    ['18446744073709551616', '18446744073709552000'],
    ['1e400', 'Infinity'],
    ['-1e400', '-Infinity'],
    ['1e-400', '0'],
    ['4.9e-324', '5e-324'],
    ['1e99999999999999999999', 'Infinity'],
  ])('%s is not: it becomes %s', (source, becomes) => {
    expect(faultsIn(`{"a":[0,${source}]}`)).toEqual([
      { pointer: '/a/1', detail: `is a number that becomes ${becomes} as a double; send it as a string` },
    ]);
  });

  const numbers = fc
    .tuple(fc.constantFrom('', '-'), fc.nat(99), digits(20), fc.integer({ min: -340, max: 340 }))
    .map(([sign, whole, fraction, e]) => `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}e${e}`);
  const nearDoubles = fc
    .tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), digits(3))
    .map(([double, more]) => String(double).replace(/^(-?\d+)(\.\d+)?/, `$1$2${more}`));

  test('is a fault exactly when the double that it becomes is written as another decimal', () => {
    fc.assert(
      fc.property(fc.oneof(numbers, nearDoubles), (source) => {
        fc.pre(!/^-?0\d/.test(source));
        const written = String(Number(source));
        const isExact = !written.includes('Infinity') && scaled(written) === scaled(source);
        expect(faultsIn(source)).toHaveLength(isExact ? 0 : 1);
      }),
      { numRuns: 300 },
    );
  });
});

/** The decimal value of a number times 10^1000. */
function scaled(number: string): bigint {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/i.exec(number) ?? [];
  const value = BigInt(whole + fraction) * 10n ** BigInt(1_000 + Number(exponent) - fraction.length);
  return sign === '-' ? -value : value;
}

describe('a name that an object has twice', () => {
  test.each([
    ['at the top', '{"a":1,"b":2,"a":1}', ['/a']],
    ['with equal values', '{"a":{},"a":{}}', ['/a']],
    ['deep', '{"x":[0,{"y":{"a":1,"a":2}}]}', ['/x/1/y/a']],
    ['spelled otherwise', '{"a\\/b":1,"\\u0061/b":2}', ['/a~1b']],
    ['three times', '{"a":1,"a":2,"a":3}', ['/a', '/a']],
    ['empty', '{"":1,"":2}', ['/']],
    ['__proto__', '{"__proto__":1,"__proto__":2}', ['/__proto__']],
    ['behind a container', '{"a":[{"a":1}],"a":2}', ['/a']],
  ])('is a fault %s', (_name, text, pointers) => {
    expect(pointersIn(text)).toEqual(pointers);
    expect(faultsIn(text)[0]?.detail).toBe('is there more than once');
  });

  test('is none in objects inside each other, beside each other, or as a value', () => {
    expect(faultsIn('{"a":{"a":{"a":"a"}},"b":[{"a":1},{"a":2},"a","a"]}')).toEqual([]);
  });

  test('is found wherever it is put in', () => {
    const wrappings = fc.array(fc.tuple(jsonValues, fc.option(fc.string({ maxLength: 5 }))), { maxLength: 6 });
    fc.assert(
      fc.property(wrappings, choices, (wraps, choose) => {
        let value: JsonValue = MARK;
        let pointer = '/twice';
        for (const [beside, name] of wraps) {
          value =
            name === null ? [beside, value, beside] : JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`);
          pointer = pointerTo([name ?? 1]) + pointer;
        }
        const [before, behind, ...more] = spell(value, (ways) => ways - 1).split(`"${MARK}"`);
        fc.pre(before !== undefined && behind !== undefined && more.length === 0);
        const members = [spell('twice', choose), '"}\\""', spell('twice', choose)].map((name, i) => `${name}:[${i}]`);
        expect(pointersIn(`${before}{${members.join()}}${behind}`)).toEqual([pointer]);
      }),
    );
  });
});

const MARK = 'here';

describe('a lone surrogate', () => {
  test.each([
    ['in a string', '["a","\\ud800"]', '/1'],
    ['in a name', '{"a\\udc00":1}', '/a\ufffd'],
    ['in the wrong order', '"\\udc00\\ud800"', ''],
    ['behind an escaped backslash', '["\\\\\\ud800"]', '/0'],
    ['unescaped', '["\ud800"]', '/0'],
  ])('%s is a fault', (_name, text, pointer) => {
    expect(faultsIn(text)).toEqual([{ pointer, detail: expect.stringContaining('lone surrogate') as string }]);
  });

  test.each(['"\\ud83d\\ude00"', '"\ud83d\ude00"', '"\\\\ud800"', '{"\\ud83d\\ude00":"\\uFFFD"}'])(
    '%s has none',
    (text) => {
      expect(faultsIn(text)).toEqual([]);
    },
  );
});

const nested = (depth: number) => `{"content":${'['.repeat(depth)}${']'.repeat(depth)}}`;

describe('nesting', () => {
  test('is a fault beyond the limit, counted from the item', () => {
    expect(faultsIn(nested(MAX_DEPTH))).toEqual([]);
    expect(faultsIn(nested(MAX_DEPTH + 1))).toEqual([
      { pointer: `/content${'/0'.repeat(MAX_DEPTH)}`, detail: 'must not be nested more than 64 deep' },
    ]);
    expect(faultsIn(`{"items":[${nested(MAX_DEPTH)}]}`, 2)).toEqual([]);
    expect(faultsIn(`{"items":[{},${nested(MAX_DEPTH + 1)}]}`, 2)[0]?.pointer).toMatch(/^\/items\/1\/content\/0/);
  });

  test('leaves what stands behind it to be looked at', () => {
    const text = `[${'{"a":'.repeat(200)}"}]"${'}'.repeat(200)},{"b":1,"b":2},1e400]`;
    expect(pointersIn(text).map((pointer) => pointer.slice(0, 4))).toEqual(['/0/a', '/1/b', '/2']);
  });

  test('as deep as fits into a body does not end the process', () => {
    expect(pointersIn('['.repeat(200_000) + ']'.repeat(200_000))).toHaveLength(1);
    expect(pointersIn('{"":'.repeat(80_000) + '0' + '}'.repeat(80_000))).toHaveLength(1);
  });
});

describe('of many faults', () => {
  const bad = `[${Array.from({ length: 50_000 }, () => '1e999').join()}]`;

  test('only the first are told', () => {
    expect(pointersIn(bad)).toEqual(Array.from({ length: 20 }, (_, i) => `/${i}`));
  });

  test('some are told of each item', () => {
    const faults = faultsIn(`{"items":[${bad},{"content":1},{"content":1e999},{"a":0,"a":0}]}`, 2);
    expect(pointersIn(`{"items":[${bad}],"items":[]}`, 2)).toContain('/items');
    expect(faults.slice(20).map(({ pointer }) => pointer)).toEqual(['/items/2/content', '/items/3/a']);
  });
});

// Quadratic time would take longer here than a test may.
test.each([
  ['zeros in front of a digit', `1${'0'.repeat(400_000)}1`],
  ['zeros behind the point', `0.${'0'.repeat(400_000)}1`],
  ['backslashes', `"${'\\\\'.repeat(200_000)}"`],
  ['escaped quotes', `"${'\\"'.repeat(200_000)}"`],
  ['white space', `[${' '.repeat(400_000)}]`],
  ['short strings', `[${'"",'.repeat(130_000)}""]`],
  ['names', `{${Array.from({ length: 40_000 }, (_, i) => `"${i}":0`).join()}}`],
])('as many %s as fit into a body are no trouble', (_name, text) => {
  expect(faultsIn(text).length).toBeLessThanOrEqual(1);
});
