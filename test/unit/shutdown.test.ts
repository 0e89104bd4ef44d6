// The order in which a running service stops, and that nothing keeps it from stopping in time.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLogger } from '../../src/observability/logger.ts';
import { type Parts, shutDown } from '../../src/shutdown.ts';

// Fake timers replace the global functions only; this makes the module's follow them.
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number, value?: unknown, { signal }: { signal?: AbortSignal } = {}) =>
    new Promise((resolve, reject) => {
      const timer = globalThis.setTimeout(resolve, ms, value);
      const abort = () => {
        clearTimeout(timer);
        reject(new Error('aborted'));
      };
      signal?.addEventListener('abort', abort);
    }),
}));

const GRACE_MS = 15_000;
/** A timer of 0 ms takes 1, once for each step. */
const TIMER_SLACK_MS = 5;
const STEPS = ['close app', 'close queue', 'stop watch', 'close ops', 'send traces', 'leave Redis'];

type Work = () => Promise<unknown>;
const hang: Work = () => new Promise(() => {});
const fail: Work = () => Promise.reject(new Error('hunter2'));
const throwAtOnce: Work = () => {
  throw new Error('hunter2');
};

function setUp(work: Partial<Record<string, Work>> = {}, ops = true) {
  const happened: string[] = [];
  let log = '';
  const step = (name: string) => {
    happened.push(name);
    return work[name]?.() ?? Promise.resolve();
  };
  const parts: Parts = {
    readiness: { drain: () => void happened.push('drain') },
    feed: { close: () => void happened.push('end feeds') },
    app: { close: () => step('close app') },
    queue: { close: () => step('close queue') },
    stopWatch: () => void happened.push('stop watch'),
    ops: ops ? { close: () => step('close ops') } : null,
    tracing: { close: async () => void (await step('send traces')) },
    store: { close: async () => void (await step('leave Redis')) },
  };
  const logger = createLogger('info', { write: (line) => (log += line) });
  const startedMs = performance.now();
  let tookMs = Number.NaN;
  const done = shutDown(parts, GRACE_MS, logger).then(() => (tookMs = performance.now() - startedMs));
  const messages = () => [...log.matchAll(/"level":"error".*"step":"([^"]+)"/g)].map(([, name]) => name);
  return { happened, done, messages, tookMs: () => tookMs };
}

/** Lets time pass until everything is over, and returns how long that took. */
async function finish({ done, tookMs }: ReturnType<typeof setUp>): Promise<number> {
  for (let ms = 0; Number.isNaN(tookMs()) && ms < 2 * GRACE_MS; ms += 50) await vi.advanceTimersByTimeAsync(50);
  await done;
  // Whatever was waited for must not keep the process alive.
  expect(vi.getTimerCount()).toBe(0);
  return tookMs();
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
});

test('not ready, end the feeds, drain, close the server, finish the saves, close the rest, leave Redis', async () => {
  const run = setUp();
  expect(run.happened).toEqual(['drain', 'end feeds']);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(run.happened, 'the server goes on while it drains').toEqual(['drain', 'end feeds']);
  expect(await finish(run)).toBeLessThan(GRACE_MS / 2);
  expect(run.happened).toEqual(['drain', 'end feeds', ...STEPS]);
  expect(run.messages()).toEqual([]);
});

test('each step waits for the one before', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const run = setUp({ 'close queue': () => promise });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(run.happened.at(-1)).toBe('close queue');
  resolve();
  await finish(run);
  expect(run.happened).toEqual(['drain', 'end feeds', ...STEPS]);
});

test('without a port of its own for metrics', async () => {
  const run = setUp({}, false);
  await finish(run);
  expect(run.happened).toEqual(['drain', 'end feeds', ...STEPS.filter((name) => name !== 'close ops')]);
});

describe.each(['close app', 'close queue', 'close ops', 'send traces', 'leave Redis'])('%s', (name) => {
  test.each([
    ['hangs', hang],
    ['fails', fail],
    ['throws', throwAtOnce],
  ])('that %s keeps nothing else from happening, and is logged', async (_how, work) => {
    const run = setUp({ [name]: work });
    expect(await finish(run)).toBeLessThanOrEqual(GRACE_MS + TIMER_SLACK_MS);
    expect(run.happened).toEqual(['drain', 'end feeds', ...STEPS]);
    expect(run.messages()).toHaveLength(1);
  });
});

test.each([
  ['hang', hang],
  ['fail', fail],
])('all steps that %s together still end within the grace time', async (_how, work) => {
  const run = setUp(Object.fromEntries(STEPS.map((name) => [name, work])));
  expect(await finish(run)).toBeLessThanOrEqual(GRACE_MS + TIMER_SLACK_MS);
  expect(run.happened).toEqual(['drain', 'end feeds', ...STEPS]);
});

test('saves get most of the grace time', async () => {
  const run = setUp({ 'close queue': () => new Promise((resolve) => setTimeout(resolve, 10_000)) });
  expect(await finish(run)).toBeLessThanOrEqual(GRACE_MS + TIMER_SLACK_MS);
  expect(run.messages()).toEqual([]);
});
