// /status over a socket: the page and what it consists of, its events, how many may watch, how it ends, and where it is.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildApp, buildOpsApp } from '../../src/app.ts';
import { waitFor } from '../../stack/wait.ts';
import { StatusBoard } from '../../src/status/board.ts';
import type { Snapshot } from '../../src/status/report.ts';
import { EventStream } from '../support/event-stream.ts';
import { boardDeps } from '../support/memory-channel.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp, type TestApp } from '../support/test-app.ts';

const TIMES = { stallMs: 60_000, retryMs: 1_000, drainRetryMs: 3_000 };
const ASSETS = { page: '<!doctype html>', script: 'script', style: 'style' };

let board: StatusBoard;
let service: TestApp;
let url: string;

async function start(times = TIMES, version = '1'): Promise<void> {
  board = new StatusBoard(boardDeps('a', { self: { id: 'a', name: 'a', version, startedAt: 0 } }));
  service = await createTestApp({
    status: { board, assets: ASSETS, allowedHosts: ['status.example'], maxWatchers: 2, times },
  });
  url = `${await service.app.listen({ host: '127.0.0.1', port: 0 })}/status/events`;
}
async function stop(): Promise<void> {
  board.stop();
  await service[Symbol.asyncDispose]();
}
beforeEach(() => start());
afterEach(stop);

const becomes = (condition: () => boolean, what: string) => waitFor(condition, { timeoutMs: 20_000, everyMs: 1, what });

test.each([
  ['/status', 'text/html; charset=utf-8', ASSETS.page],
  ['/status/page.js', 'text/javascript; charset=utf-8', ASSETS.script],
  ['/status/page.css', 'text/css; charset=utf-8', ASSETS.style],
])('%s is sent with its type and can be asked for again', async (path, type, body) => {
  const answer = await service.get(path);
  expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([200, type, body]);
  expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache' });
  const again = await service.get(path, { 'if-none-match': String(answer.headers['etag']) });
  expect(again.statusCode).toBe(304);
});

test('the page may run its own script only, and talk to nobody else', async () => {
  const policy = String((await service.get('/status')).headers['content-security-policy']);
  expect(policy).toMatch(/^default-src 'none'; script-src 'self';/);
  expect(policy).toMatch(/frame-ancestors 'none'/);
  expect(policy).not.toMatch(/\*|https?:|unsafe/);
});

test('events come one after the other, each with all there is', async () => {
  await using stream = await EventStream.open(url);
  expect(stream.response.statusCode).toBe(200);
  expect(stream.response.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  });
  expect(await stream.next()).toEqual({ retry: '1000' });
  for (let n = 0; n < 3; n++) {
    expect(await stream.nextItem<Snapshot>()).toMatchObject({ tellsId: 'a', instances: [{ name: 'a' }], set: null });
  }
});

test('one watcher more than may be is refused as overloaded, and room comes back', async () => {
  const first = await EventStream.open(url);
  await using second = await EventStream.open(url);
  expect(problemOf(await service.get('/status/events'))).toMatchObject({ status: 503, code: 'overloaded' });
  first.close();
  await becomes(() => board.watchers === 1, 'the place was not given back');
  await using third = await EventStream.open(url);
  expect([second.response.statusCode, third.response.statusCode]).toEqual([200, 200]);
});

test('when the instance drains the answer ends, says when to come again, and nobody else may come', async () => {
  await using stream = await EventStream.open(url);
  await stream.next();
  board.drain();
  for (let block = await stream.next(); block?.retry !== '3000'; block = await stream.next()) {
    expect(block).toHaveProperty('data');
  }
  expect(await stream.next()).toBeNull();
  expect(stream.response.complete).toBe(true);
  expect(problemOf(await service.get('/status/events'))).toMatchObject({ status: 503, code: 'draining' });
});

test('HEAD is answered like GET, and watches nothing', async () => {
  const answer = await service.app.inject({ method: 'HEAD', url: '/status/events' });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toBe('text/event-stream');
  expect(board.watchers).toBe(0);
});

describe('a watcher that takes nothing', () => {
  const LARGE = 'x'.repeat(100_000);

  test('misses what was in between, and is cut after a while', async () => {
    await stop();
    await start({ ...TIMES, stallMs: 50 }, LARGE);
    await using stream = await EventStream.open(url);
    stream.response.pause();
    await becomes(() => board.watchers === 1, 'it does not watch');
    await becomes(() => board.watchers === 0, 'it was not cut');
    expect(stream.response.complete).toBe(false);
  });
});

test('who looks at it is neither logged nor measured', async () => {
  await service.get('/status');
  expect(service.lines().filter(({ level, msg }) => msg === 'request' && level !== 'debug')).toEqual([]);
  expect(await service.metrics.registry.metrics()).not.toMatch(/route="\/status[^"]*",status_code="(200|304)"/);
});

test.each([
  ['clients', buildApp],
  ['operators', (deps: Parameters<typeof buildApp>[0]) => buildOpsApp(deps, deps.status)],
])('the port of %s has it only where it is meant to be', async (_name, build) => {
  const paths = ['/status', '/status/page.js', '/status/events'];
  await using without = await createTestApp({ status: null }, build);
  for (const path of paths) expect(problemOf(await without.get(path))).toMatchObject({ status: 404 });
  await using withIt = await createTestApp(
    { status: { board, assets: ASSETS, allowedHosts: [], maxWatchers: 2, times: TIMES } },
    build,
  );
  expect((await withIt.get('/status')).statusCode).toBe(200);
  for (const path of paths) problemOf(await withIt.get(path, { host: 'evil.example' }), 400, 'bad-request');
});
