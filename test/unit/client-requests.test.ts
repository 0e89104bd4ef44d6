// The client's single requests and its feed against a service that fails, lies and falls silent.
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { ProblemError, UnreachableError } from '../../client/errors.ts';
import type { FeedOptions } from '../../client/feed.ts';
import { ItemsClient } from '../../client/items-client.ts';
import { DEFAULT_RETRY, pauseMs } from '../../client/retry.ts';
import { type Fault, ScriptedService } from '../support/scripted-service.ts';

/** Without pauses, so that a unit test is one. */
const retry = { baseMs: 0, capMs: 0, deadlineMs: 5_000 };

async function withService(faults: Fault[] = []) {
  const service = await ScriptedService.start();
  service.faults.push(...faults);
  return { service, client: new ItemsClient({ baseUrl: `${service.url}/`, retry }) };
}

describe('a save', () => {
  test('has an outcome: saved, duplicate, replayed', async () => {
    const { service, client } = await withService();
    await using _ = service;
    expect(await client.post('a')).toMatchObject({ kind: 'saved', item: { content: 'a' } });
    expect(await client.post('a')).toMatchObject({ kind: 'duplicate', item: { content: 'a' } });
    expect(await client.post('b', { idempotencyKey: 'k' })).toMatchObject({ kind: 'saved' });
    expect(await client.post('b', { idempotencyKey: 'k' })).toMatchObject({ kind: 'replayed' });
  });

  test('is sent again under the same key until it succeeds', async () => {
    const { service, client } = await withService([{ status: 503 }, { status: 502 }, { status: 429 }, { status: 500 }]);
    await using _ = service;
    expect(await client.post('a')).toMatchObject({ kind: 'saved' });
    const keys = service.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(5);
    expect(new Set(keys).size).toBe(1);
  });

  test('that is refused is not sent again', async () => {
    const { service, client } = await withService([{ status: 422 }]);
    await using _ = service;
    await expect(client.post('a')).rejects.toMatchObject({ name: 'ProblemError', code: 'scripted-422', status: 422 });
    expect(service.requests).toHaveLength(1);
  });

  test('gives up at once when the service asks to wait past the deadline', async () => {
    const { service, client } = await withService([{ status: 503, headers: { 'retry-after': '3600' } }]);
    await using _ = service;
    await expect(client.post('a')).rejects.toMatchObject({ retryAfterMs: 3_600_000 });
    expect(service.requests).toHaveLength(1);
  });

  test('without retries is sent once', async () => {
    const { service } = await withService([{ status: 503 }]);
    await using _ = service;
    await expect(new ItemsClient({ baseUrl: service.url, retry: false }).post('a')).rejects.toBeInstanceOf(
      ProblemError,
    );
    expect(service.requests).toHaveLength(1);
  });
});

test('nobody there is an UnreachableError that says why', async () => {
  const { service } = await withService();
  const { url } = service;
  await service[Symbol.asyncDispose]();
  const client = new ItemsClient({ baseUrl: url, retry: false });
  const failed = client.get('1-1-1');
  await expect(failed).rejects.toBeInstanceOf(UnreachableError);
  await expect(failed).rejects.toThrow('ECONNREFUSED');
});

test('what does not answer is given up; the signal ends the wait', async () => {
  const { service } = await withService([{ hangs: true }, { hangs: true }]);
  await using _ = service;
  const client = new ItemsClient({ baseUrl: service.url, retry: { ...retry, attemptTimeoutMs: 20 } });
  const stop = new AbortController();
  expect(await client.get('1-1-1')).toBe(null);
  service.faults.push({ hangs: true });
  // On a busy machine more than two attempts may have been given up.
  const before = service.requests.length;
  const ended = new ItemsClient({ baseUrl: service.url, retry }).get('1-1-1', { signal: stop.signal });
  await expect.poll(() => service.requests.length).toBe(before + 1);
  stop.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
});

test('what is not there is null or false', async () => {
  const { service, client } = await withService();
  await using _ = service;
  const { item } = await client.post('a');
  expect(await client.get(item.id)).toEqual(item);
  expect(await client.delete(item.id)).toBe(true);
  expect(await client.delete(item.id)).toBe(false);
  expect(await client.get(item.id)).toBe(null);
});

test('a listing gives page after page', async () => {
  const { service, client } = await withService();
  await using _ = service;
  for (const content of ['a', 'b', 'c']) await client.post(content);
  const sizes: number[] = [];
  for await (const { items } of client.list({ limit: 2 })) sizes.push(items.length);
  expect(sizes).toEqual([2, 1]);
});

test('pauses grow up to their bound, are random, and never shorter than asked for', () => {
  const asked = new ProblemError(503, new Headers({ 'retry-after': '2' }), {});
  const options = { ...DEFAULT_RETRY, baseMs: 100, capMs: 1_000 };
  for (const [attempt, bound] of [
    [1, 100],
    [2, 200],
    [4, 800],
    [9, 1_000],
    [5_000, 1_000],
  ] as const) {
    const pauses = Array.from({ length: 50 }, () => pauseMs(attempt, null, options));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(bound);
    expect(new Set(pauses).size).toBeGreaterThan(1);
    expect(pauseMs(attempt, asked, options)).toBeGreaterThanOrEqual(2_000);
  }
});

const event = (n: number): string => `id: c${n}\nevent: item\ndata: {"id":"${n}"}\n\n`;
const begin = (response: ServerResponse, text: string): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`retry: 1\n\n${text}`);
};

/** Follows until so many items have come. */
async function follow(
  service: ScriptedService,
  items: number,
  options: FeedOptions = {},
  onItem: (count: number) => void = () => {},
): Promise<string[]> {
  const client = new ItemsClient({ baseUrl: service.url, retry });
  const cursors: string[] = [];
  for await (const { cursor } of client.feed(options)) {
    if (cursors.push(cursor) === items) break;
    onItem(cursors.length);
  }
  return cursors;
}

describe('the feed', () => {
  test('goes on behind the last item after a cut, an end and a refusal', async () => {
    const { service } = await withService();
    await using _ = service;
    let cut: (() => void) | null = null as (() => void) | null;
    const steps: ((response: ServerResponse) => void)[] = [
      (response) => {
        begin(response, `${event(1)}${event(2)}id: c3\nda`);
        cut = () => response.destroy();
      },
      (response) => response.writeHead(503, { 'retry-after': '0' }).end(),
      (response) => {
        begin(response, event(3));
        response.end();
      },
      (response) => begin(response, event(4)),
    ];
    service.feed = (_request, response) => steps.shift()?.(response);
    const cutBehindSecond = (count: number): void => {
      if (count === 2) cut?.();
    };
    expect(await follow(service, 4, { after: 'start' }, cutBehindSecond)).toEqual(['c1', 'c2', 'c3', 'c4']);
    expect(service.requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'c2', 'c2', 'c3']);
    expect(service.requests[0]?.line).toBe('GET /v1/items/feed?after=start');
  });

  test('leaves a connection that falls silent', async () => {
    const { service } = await withService();
    await using _ = service;
    let connections = 0;
    service.feed = (_request, response) => begin(response, event(++connections));
    expect(await follow(service, 2, { silenceMs: 30 })).toEqual(['c1', 'c2']);
  });

  test('ends with a problem that does not pass, and with its signal', async () => {
    const { service } = await withService([{ status: 422 }]);
    await using _ = service;
    await expect(follow(service, 1)).rejects.toMatchObject({ code: 'scripted-422' });
    service.feed = (_request, response) => begin(response, '');
    const stop = new AbortController();
    const ended = follow(service, 1, { signal: stop.signal });
    await expect.poll(() => service.requests.length).toBe(2);
    stop.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
  });
});
