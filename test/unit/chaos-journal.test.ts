// The journal gives back what was noted, from memory and from its file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Attempt, Outcome } from '../../chaos/attempt.ts';
import { Journal, NOT_ANSWERED } from '../../chaos/journal.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'journal-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const text = fc.string({ unit: 'grapheme', minLength: 1 });
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ kind: fc.constant('saved' as const), id: text, replayed: fc.boolean() }),
  fc.record({ kind: fc.constant('duplicate' as const), id: text }),
  fc.record({ kind: fc.constant('refused' as const), status: fc.integer({ min: 400, max: 599 }), code: text }),
  fc.record({ kind: fc.constant('unknown' as const), why: text }),
);
const time = fc.double({ min: 0, max: 1e13, noNaN: true });
const attempt = fc.record({
  client: fc.nat({ max: 1_000 }),
  content: text,
  idempotencyKey: fc.option(text),
  sentAtMs: time,
  answer: fc.option(fc.record({ outcome, answeredAtMs: time })),
});

test('attempts read back as they were noted, from memory and from a file', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { maxLength: 50 }), async (noted) => {
      const journal = new Journal();
      for (const sent of noted) journal.sent(sent);
      // Answers come in any order.
      for (const [n, { answer }] of [...noted.entries()].toReversed()) {
        if (answer !== null) journal.answered(n, answer.outcome, answer.answeredAtMs);
      }
      const expected = noted.map(({ client, content, idempotencyKey, sentAtMs, answer }, n): Attempt => ({
        n,
        client,
        content,
        idempotencyKey,
        sentAtMs,
        answeredAtMs: answer?.answeredAtMs ?? null,
        outcome: answer?.outcome ?? { kind: 'unknown', why: NOT_ANSWERED },
      }));
      expect([...journal]).toEqual(expected);
      const path = join(dir, 'journal.jsonl');
      await journal.writeTo(path);
      expect([...(await Journal.readFrom(path))]).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});

test('an answer is noted once, and only for what was sent', () => {
  const journal = new Journal();
  const n = journal.sent({ client: 0, content: 'x', idempotencyKey: null, sentAtMs: 1 });
  journal.answered(n, { kind: 'duplicate', id: '1-0-0' }, 2);
  expect(() => journal.answered(n, { kind: 'unknown', why: 'late' }, 3)).toThrow(/not waiting/);
  expect(() => journal.at(1)).toThrow(/no attempt 1/);
});

test('it grows, and its file with it', async () => {
  const journal = new Journal();
  const count = 5_000;
  for (let n = 0; n < count; n++) {
    journal.sent({ client: n % 7, content: `content ${n}`, idempotencyKey: null, sentAtMs: n });
    journal.answered(n, { kind: 'saved', id: `${n}-0-0`, replayed: false }, n + 0.5);
  }
  const path = join(dir, 'long.jsonl');
  await journal.writeTo(path);
  const read = await Journal.readFrom(path);
  expect(read.length).toBe(count);
  expect([read.at(0), read.at(4_999)]).toEqual([journal.at(0), journal.at(4_999)]);
});
