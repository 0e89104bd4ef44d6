// A stream whose key is taken away while it runs: nothing more is saved with it.
import { afterAll, beforeEach, expect, test } from 'vitest';
import { RateLimit } from '../../src/http/rate-limit.ts';
import { createTestApp } from '../support/test-app.ts';

const caller = { client: 'acme', keyId: 'a'.repeat(12), scopes: new Set(['items:write'] as const) };
let isValid = true;
const keys = { callerOf: () => caller, isStillValid: () => isValid };
const service = await createTestApp({ keys });
afterAll(() => service.app.close());
beforeEach(() => {
  isValid = true;
});

test('each line from then on fails with 401, and what was saved before stays answered', async () => {
  service.items.onSave = async (request) => {
    // Revoked while the second line is being saved.
    if (service.items.saves.length === 2) isValid = false;
    return {
      kind: 'saved',
      item: { id: '1-0-0', content: request.content.text, source: 'acme', createdAt: '2026-01-01T00:00:00.000Z' },
    };
  };
  const lines = ['a', 'b', 'c', 'd'].map((content) => `${JSON.stringify({ content })}\n`).join('');
  const results = await stream(service, lines);
  expect(results.map(({ status }) => status)).toEqual([201, 201, 401, 401]);
  expect(results.at(-1)).toMatchObject({ code: 'unauthorized', detail: 'this API key is not valid any more' });
  expect(service.items.saves).toHaveLength(2);
});

test('a line that its client’s limit holds back until then is refused as well', async () => {
  // The second line is over the limit, and waits for a second by the clock of nobody: until the limit lets go of it.
  const rateLimit = new RateLimit({ perSecond: 1, burst: 2, maxConcurrent: null, nowMs: () => 0 });
  await using limited = await createTestApp({ keys, rateLimit });
  limited.items.onSave = async (request) => {
    isValid = false;
    rateLimit.release();
    return {
      kind: 'saved',
      item: { id: '1-0-0', content: request.content.text, source: 'acme', createdAt: '2026-01-01T00:00:00.000Z' },
    };
  };
  const results = await stream(limited, '{"content":"a"}\n{"content":"b"}\n');
  expect(results.map(({ status }) => status)).toEqual([201, 401]);
  expect(limited.items.saves).toHaveLength(1);
});

type Result = { readonly status: number; readonly code?: string };

async function stream({ app }: Pick<typeof service, 'app'>, payload: string): Promise<Result[]> {
  const headers = { 'content-type': 'application/x-ndjson' };
  const answer = await app.inject({ method: 'POST', url: '/v1/items/batch', headers, payload });
  return answer.body
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Result);
}
