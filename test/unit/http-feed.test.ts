// GET /v1/items/feed over a socket: where it begins, what it sends, how it ends, and what a slow consumer costs.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../stack/wait.ts';
import { ServiceFailure } from '../../src/items/errors.ts';
import { type Item, itemAt } from '../../src/items/item.ts';
import { encodeCursor } from '../../src/items/list-cursor.ts';
import type { ListCursor } from '../../src/items/ports.ts';
import { EventStream } from '../support/event-stream.ts';
import { FEED_TIMES, MemoryFeed } from '../support/memory-feed.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp, PARTITIONS, type TestApp } from '../support/test-app.ts';

let feed: MemoryFeed;
let service: TestApp;
let url: string;

async function start(more: Parameters<typeof createTestApp>[0] = {}): Promise<void> {
  feed = new MemoryFeed(PARTITIONS);
  service = await createTestApp({ feed, maxFeedConsumers: 2, ...more });
  url = `${await service.app.listen({ host: '127.0.0.1', port: 0 })}/v1/items/feed`;
}
beforeEach(() => start());
afterEach(async () => {
  feed.close();
  await service[Symbol.asyncDispose]();
});

const cursorAt = (seq: number): ListCursor => ({
  order: 'asc',
  positions: Array.from({ length: PARTITIONS }, (_, p) => (p === 7 ? { ms: 1_763_712_000_000, seq } : null)),
});
const eventAt = (seq: number, text = `item ${seq}`) => ({
  item: itemAt({ ms: 1_763_712_000_000, seq, partition: 7 }, { kind: 'string', text }, 'anonymous'),
  cursor: cursorAt(seq),
});
const reader = () => waitFor(() => [...feed.readers][0], { timeoutMs: 20_000, everyMs: 1, what: 'nobody reads' });
const metric = async (name: string) =>
  Number(new RegExp(`^${name} (\\d+)`, 'm').exec(await service.metrics.registry.metrics())?.[1]);
const becomes = (condition: () => boolean | Promise<boolean>, what: string) =>
  waitFor(condition, { timeoutMs: 20_000, everyMs: 1, what });

test('the head comes at once, then a place to go on from, then items with theirs', async () => {
  await using stream = await EventStream.open(url);
  expect(stream.response.statusCode).toBe(200);
  expect(stream.response.headers).toMatchObject({
    'content-type': expect.stringMatching(/^text\/event-stream/) as string,
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-request-id': expect.stringMatching(/./) as string,
  });
  expect(await stream.next()).toEqual({ retry: '1000', id: encodeCursor((await reader()).start) });
  const [first, second] = [eventAt(0, 'line\nfeed\r and : colon'), eventAt(1)];
  (await reader()).push(first, second);
  expect(await stream.next()).toEqual({
    id: encodeCursor(first.cursor),
    event: 'item',
    data: JSON.stringify(first.item),
  });
  expect(await stream.nextItem()).toEqual(second.item);
  expect(await metric('item_feed_consumers')).toBe(1);
  expect(await metric('item_feed_events_total')).toBe(2);
});

describe('begins', () => {
  const [older, newer] = [encodeCursor(cursorAt(1)), encodeCursor(cursorAt(2))];
  test.each([
    ['at the beginning', '', {}, 'beginning'],
    ['with what is saved from now on', '?after=latest', {}, 'latest'],
    ['behind a cursor', `?after=${older}`, {}, cursorAt(1)],
    ['behind Last-Event-ID', '', { 'last-event-id': newer }, cursorAt(2)],
    ['behind Last-Event-ID and not where it began', `?after=${older}`, { 'last-event-id': newer }, cursorAt(2)],
    ['behind Last-Event-ID and not at what was latest then', '?after=latest', { 'last-event-id': newer }, cursorAt(2)],
    ['as asked when Last-Event-ID is empty', `?after=${older}`, { 'last-event-id': '' }, cursorAt(1)],
  ])('%s', async (_name, query, headers, expected) => {
    await using stream = await EventStream.open(url + query, headers);
    expect(await stream.next()).toHaveProperty('id');
    expect(feed.opened).toEqual([expected]);
  });

  const down = encodeCursor({ ...cursorAt(1), order: 'desc' });
  test.each([
    ['a cursor that is none', '?after=nonsense', {}, 'after'],
    ['an empty one', '?after=', {}, 'after'],
    ['two', `?after=${older}&after=${older}`, {}, 'after'],
    ['one of a listing that goes down', `?after=${down}`, {}, 'after'],
    ['one of another number of partitions', `?after=${encodeCursor({ order: 'asc', positions: [null] })}`, {}, 'after'],
    ['a Last-Event-ID that is none', '?after=latest', { 'last-event-id': 'nonsense' }, 'Last-Event-ID'],
    ['a parameter that does not exist', '?from=1', {}, 'from'],
  ])('never at %s: 422', async (_name, query, headers, parameter) => {
    const problem = problemOf(await service.get(`/v1/items/feed${query}`, headers));
    expect(problem).toMatchObject({ status: 422, code: 'validation-failed', errors: [{ parameter }] });
    expect(feed.opened).toEqual([]);
  });
});

test('a comment keeps it open while there is nothing new', async () => {
  await using stream = await EventStream.open(url);
  let text = '';
  stream.response.on('data', (chunk: string) => (text += chunk));
  (await reader()).push();
  expect(await becomes(() => text.includes('\n\n: nothing new\n\n'), 'no heartbeat came')).toBe(true);
});

test('one consumer more than may be is refused as overloaded, and room comes back', async () => {
  const first = await EventStream.open(url);
  await using second = await EventStream.open(url);
  const refused = await service.get('/v1/items/feed');
  expect(problemOf(refused)).toMatchObject({ status: 503, code: 'overloaded' });
  expect(refused.headers['retry-after']).toBe('1');
  first.close();
  await becomes(async () => (await metric('item_feed_consumers')) === 1, 'the place was not given back');
  expect(feed.readers.size).toBe(1);
  await using third = await EventStream.open(url);
  expect([second.response.statusCode, third.response.statusCode]).toEqual([200, 200]);
});

test('a feed that cannot begin is a problem, and takes no place', async () => {
  feed.onOpen = () => Promise.reject(new ServiceFailure('draining', 'the feed is closed'));
  for (let n = 0; n < 3; n++) {
    expect(problemOf(await service.get('/v1/items/feed'))).toMatchObject({ status: 503, code: 'draining' });
  }
});

test('HEAD is answered like GET, without reading', async () => {
  const answer = await service.app.inject({ method: 'HEAD', url: '/v1/items/feed' });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toMatch(/^text\/event-stream/);
  expect(answer.headers).not.toHaveProperty('content-length');
  expect((await service.app.inject({ method: 'HEAD', url: '/v1/items/feed?after=x' })).statusCode).toBe(422);
  expect(feed.opened).toEqual([]);
});

test('when the feed is closed the answer ends, and says when to come again: later than we listen', async () => {
  await using stream = await EventStream.open(url);
  await stream.next();
  (await reader()).push(eventAt(0));
  expect(await stream.nextItem()).toMatchObject({ content: 'item 0' });
  feed.close();
  expect(await stream.next()).toEqual({ retry: String(FEED_TIMES.drainRetryMs) });
  expect(await stream.next()).toBeNull();
  expect(stream.response.complete).toBe(true);
});

test('one line in the log when it is over, with how much it was; no latency is measured', async () => {
  const stream = await EventStream.open(url, { 'x-request-id': 'feed-1' });
  (await reader()).push(eventAt(0), eventAt(1));
  await stream.nextItem<Item>();
  await stream.nextItem<Item>();
  stream.close();
  const requests = () => service.lines().filter(({ msg }) => msg === 'request');
  await becomes(() => requests().length > 0, 'nothing was logged');
  expect(requests()).toMatchObject([
    { level: 'info', requestId: 'feed-1', route: '/v1/items/feed', status: 200, events: 2 },
  ]);
  expect(await service.metrics.registry.metrics()).not.toMatch(/feed",status_code="200"/);
});

describe('a slow consumer', () => {
  const LARGE = 'x'.repeat(60_000);

  test('that takes nothing is asked for nothing, and the reader is not either', async () => {
    await using stream = await EventStream.open(url);
    stream.response.pause();
    const source = await reader();
    for (let n = 0; n < 500; n++) source.push(eventAt(n, LARGE));
    // What fits into the sockets of both ends is sent; then it stands still.
    let [before, looks] = [-1, 0];
    await becomes(() => {
      looks = source.asked === before ? looks + 1 : 0;
      before = source.asked;
      return looks > 100;
    }, 'it went on');
    expect(source.asked).toBeLessThan(400);
    const ids: string[] = [];
    for (let n = 0; n < 500; n++) ids.push((await stream.nextItem<Item>())?.id ?? 'none');
    expect(ids).toEqual(Array.from({ length: 500 }, (_, n) => eventAt(n).item.id));
  });

  test('that takes nothing for long is cut', async () => {
    feed.close();
    await service[Symbol.asyncDispose]();
    await start({ feedTimes: { ...FEED_TIMES, stallMs: 50 } });
    await using stream = await EventStream.open(url);
    stream.response.pause();
    const source = await reader();
    for (let n = 0; n < 500; n++) source.push(eventAt(n, LARGE));
    await becomes(() => feed.readers.size === 0, 'it was not cut');
    expect(await metric('item_feed_consumers')).toBe(0);
  });
});

test('a key that is revoked ends its feed, and says nothing of what came after', async () => {
  let isValid = true;
  const caller = { client: 'acme', keyId: 'a'.repeat(12), scopes: new Set(['items:read' as const]) };
  await service[Symbol.asyncDispose]();
  await start({ keys: { callerOf: () => caller, isStillValid: () => isValid } });
  await using stream = await EventStream.open(url);
  await stream.next();
  (await reader()).push(eventAt(0));
  expect(await stream.nextItem()).toEqual(eventAt(0).item);
  isValid = false;
  (await reader()).push(eventAt(1));
  expect(await stream.next()).toBeNull();
});
