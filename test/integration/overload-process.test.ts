// More saves than an instance can commit in time, over HTTP: the next one is told at once, and not at its deadline.
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, inject, test } from 'vitest';
import { loginSettings } from '../../stack/secrets.ts';
import { ServiceProcess } from '../support/service-process.ts';

const ENTRY = fileURLToPath(new URL('../support/slow-service.ts', import.meta.url));
const COMMIT_MS = 1_000;
const SAVE_DEADLINE_MS = 6_000;
/** Full batches (500) that take twice as long as a save may wait. */
const BATCHES = 6;
const AT_ONCE_MS = SAVE_DEADLINE_MS / 3;

test('a save behind more than fit into its deadline is 503 overloaded, with Retry-After, at once', async () => {
  await using service = new ServiceProcess(
    {
      REDIS_SENTINELS: inject('sentinels'),
      ...loginSettings(inject('secrets'), 'service'),
      REDIS_KEY_PREFIX: `test-${randomUUID()}:`,
      SAVE_DEADLINE_MS: String(SAVE_DEADLINE_MS),
    },
    undefined,
    [ENTRY, String(COMMIT_MS)],
  );
  const url = await service.ready();
  const post = (path: string, body: object) =>
    fetch(`${url}/v1/items${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  // Nothing is refused before it is known how long a commit takes.
  expect((await post('', { content: 'sets the pace' })).status).toBe(201);
  const batches = Array.from({ length: BATCHES }, (_, batch) =>
    post('/batch', { items: Array.from({ length: 1_000 }, (__, item) => ({ content: `${batch} ${item}` })) }),
  );
  // One that comes before the batches is taken and waits. From the batches on none is, because no commit comes to its end.
  const singles: Promise<Response>[] = [];
  const answeredAtOnce = async () => {
    const content = `one more ${singles.length}`;
    const single = post('', { content });
    singles.push(single);
    const answer = await Promise.race([single, setTimeout(AT_ONCE_MS)]);
    return answer !== undefined && { content, answer };
  };
  const { content, answer: refused } = await service.until(answeredAtOnce, 'nothing was answered at once');
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ code: 'overloaded' });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);

  service.kill('SIGUSR2');
  const results = (await Promise.all(batches.map(async (batch) => (await batch).json()))) as Answer[];
  const kinds = results.flatMap((answer) => answer.results.map(({ status, code }) => `${status} ${code ?? 'saved'}`));
  expect(kinds).toContain('201 saved');
  expect(kinds).toContain('503 overloaded');
  // The pace is an estimate: the last of those that were taken may still miss their deadline.
  expect(kinds.filter((kind) => !/^(201 saved|503 .*)$/.test(kind))).toEqual([]);
  // What it refused was not saved, and now that there is room it is.
  await Promise.all(singles);
  expect((await post('', { content })).status).toBe(201);
});

type Answer = { readonly results: { readonly status: number; readonly code?: string }[] };
