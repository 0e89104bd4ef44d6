// A bug that one line of a stream meets: the line fails, and neither the stream nor the process does.
import { expect, test } from 'vitest';
import { RateLimit } from '../../src/http/rate-limit.ts';
import type { SaveOutcome } from '../../src/items/pending-save.ts';
import { createTestApp } from '../support/test-app.ts';

test('a line whose save cannot even be made is a 500 for itself, also where a limit delays the lines', async () => {
  let isBroken = false;
  const first = Promise.withResolvers<SaveOutcome>();
  let outcomeOfFirst: SaveOutcome | null = null;
  const nowMs = (): number => {
    if (!isBroken) return performance.now();
    isBroken = false;
    if (outcomeOfFirst !== null) first.resolve(outcomeOfFirst);
    throw new Error('boom');
  };
  const rateLimit = new RateLimit({
    perSecond: 1_000,
    burst: 1_000,
    maxConcurrent: null,
    nowMs: () => performance.now(),
  });
  await using service = await createTestApp({ rateLimit, nowMs });
  service.items.onSave = ({ content }) => {
    const item = { id: '1-0-0', content: content.text, source: 'anonymous', createdAt: '2026-01-01T00:00:00.000Z' };
    const outcome: SaveOutcome = { kind: 'saved', item };
    if (content.text !== 'a') return Promise.resolve(outcome);
    // The next to ask for the time is the save of the second line.
    isBroken = true;
    outcomeOfFirst = outcome;
    return first.promise;
  };
  const answer = await service.post(
    ['a', 'b', 'c'].map((content) => `${JSON.stringify({ content })}\n`).join(''),
    { 'content-type': 'application/x-ndjson' },
    '/v1/items/batch',
  );
  const results = answer.body
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { status: number; code?: string });
  expect(results.map(({ status }) => status)).toEqual([201, 500, 201]);
  expect(results[1]).toMatchObject({ code: 'internal-error' });
  expect(answer.body).not.toContain('boom');
  expect(service.log()).toContain('boom');
});
