// POST /v1/items with JSON objects and arrays: which are the same content, and how they come back.
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { contentOf, readContent, readJson } from '../../src/http/item-body.ts';
import { ProblemError } from '../../src/http/problems.ts';
import { choices, jsonValues, spell } from '../support/json-spelling.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp } from '../support/test-app.ts';

const service = await createTestApp();
beforeEach(() => service.reset());
afterAll(() => service.app.close());

test.each([
  ['an object', '{"b":[1.0,{"d":null,"c":"\\u0041"}],"a":true}', '{"a":true,"b":[1,{"c":"A","d":null}]}'],
  ['an array', '[1e0,"b",[],{}]', '[1,"b",[],{}]'],
  ['an empty object', '{}', '{}'],
  [
    'a member __proto__',
    '{"__proto__":{"x":1},"a":[{"__proto__":null}]}',
    '{"__proto__":{"x":1},"a":[{"__proto__":null}]}',
  ],
  ['a member toJSON', '{"toJSON":"x"}', '{"toJSON":"x"}'],
])(
  '201 for %s, which comes back with the same members and in the same form from everywhere',
  async (_name, json, canonical) => {
    const saved = await service.post(`{ "content" : ${json} }`);
    expect(saved.statusCode).toBe(201);
    expect(saved.body).toContain(`"content":${canonical},`);
    const { id } = saved.json<{ id: string }>();
    expect((await service.get(`/v1/items/${id}`)).body).toBe(saved.body);
    expect((await service.get('/v1/items')).body).toContain(`"items":[${saved.body}]`);
    const again = await service.post(`{"content":${canonical}}`);
    expect(problemOf(again, 409, 'duplicate-item').item).toEqual(saved.json());
    expect(again.body).toContain(saved.body);
  },
);

describe('different contents', () => {
  test.each([
    ['a value and its text', '{"a":1}', '"{\\"a\\":1}"'],
    ['a number and its text', '[1]', '["1"]'],
    ['null and nothing', '{"a":null}', '{}'],
    ['another order in an array', '[1,2]', '[2,1]'],
    ['another Unicode normal form', '["\u00e9"]', '["e\u0301"]'],
    ['an empty object and an empty array', '{}', '[]'],
  ])('%s', async (_name, a, b) => {
    for (const json of [a, b]) expect((await service.post(`{"content":${json}}`)).statusCode).toBe(201);
  });
});

/** What a body comes to: its content, or the code of the problem and the pointers. */
function resultOf(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return [error.code, error.extras.errors];
  }
}

test('the short way for strings comes to the same as the long one, whatever the body', () => {
  const envelopes = fc
    .tuple(fc.oneof(fc.string({ unit: 'binary' }), jsonValues), choices)
    .map(([content, choose]) => spell({ content }, choose));
  const mutations = fc.array(
    fc.tuple(fc.nat(), fc.constantFrom('', '"', '\\', '{', '}', ',', ' ', '\u00a0', ':', '\\ud800', '"content":')),
    {
      maxLength: 2,
    },
  );
  fc.assert(
    fc.property(envelopes, mutations, fc.boolean(), (envelope, changes, replaces) => {
      const body = changes.reduce((text, [at, part]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + part + text.slice(place + Number(replaces));
      }, envelope);
      const long = (): unknown => {
        const { value, faults } = readJson(body);
        return contentOf(value, faults);
      };
      expect(resultOf(() => readContent(body))).toEqual(resultOf(long));
    }),
    { numRuns: 300 },
  );
});

// Quadratic time would take longer here than a test may.
test.each([
  ['white space at the start', `${' '.repeat(400_000)}x`],
  ['white space before the value', `{"content":${' '.repeat(400_000)}x`],
  ['white space at the end', `{"content":"a"}${' '.repeat(400_000)}x`],
  ['quotes', `{"content":${'"'.repeat(400_000)}}`],
  ['escaped quotes', `{"content":"${'\\"'.repeat(200_000)}}`],
])('as much %s as fits into a body is no trouble', (_name, body) => {
  // Behind its bounds nobody looks whether it is JSON.
  const code = body.startsWith('{"content":""') ? 'validation-failed' : 'malformed-json';
  expect(resultOf(() => readContent(body))).toContain(code);
});

test('of a body with many items each is judged alone, with pointers into the body', () => {
  const body =
    '{"items":[{"content":["ok"]},{"content":{"a":1,"a":2}},{"content":7},{"content":"ok","x":1},{"content":"ok"}]}';
  const { value, faults } = readJson(body, 2);
  const { items } = value as { items: unknown[] };
  expect(items.map((item, i) => resultOf(() => contentOf(item, faults, `/items/${i}`)))).toEqual([
    { kind: 'json', text: '["ok"]' },
    ['validation-failed', [{ pointer: '/items/1/content/a', detail: 'is there more than once' }]],
    ['validation-failed', [{ pointer: '/items/2/content', detail: 'must be a string, an object or an array' }]],
    ['validation-failed', [{ pointer: '/items/3/x', detail: 'is not known here' }]],
    { kind: 'string', text: 'ok' },
  ]);
});
