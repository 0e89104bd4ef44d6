// When this process should get traffic, and how it finds out whether the store is there.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLogger } from '../../src/observability/logger.ts';
import { Readiness } from '../../src/observability/readiness.ts';
import { watchStore } from '../../src/observability/store-watch.ts';

const TOLERANCE_MS = 15_000;

describe('Readiness', () => {
  let nowMs = 0;
  let readiness: Readiness;
  beforeEach(() => {
    nowMs = 1_000;
    readiness = new Readiness(TOLERANCE_MS, () => nowMs);
  });

  test('is starting until it started, whatever the store says', () => {
    expect(readiness.report()).toEqual({ status: 'starting', storeReachable: false });
    readiness.storeAnswered(true);
    expect(readiness.report()).toEqual({ status: 'starting', storeReachable: true });
    readiness.started();
    expect(readiness.report()).toEqual({ status: 'ready', storeReachable: true });
  });

  test('stays ready while the store is away for no longer than a failover, and says so', () => {
    readiness.started();
    readiness.storeAnswered(true);
    nowMs += TOLERANCE_MS;
    readiness.storeAnswered(false);
    expect(readiness.report()).toEqual({ status: 'ready', storeReachable: false });
    nowMs += 1;
    expect(readiness.report()).toEqual({ status: 'store-unreachable', storeReachable: false });
  });

  test('counts from the last answer and comes back with the next', () => {
    readiness.started();
    readiness.storeAnswered(true);
    nowMs += TOLERANCE_MS + 1;
    expect(readiness.report().status).toBe('store-unreachable');
    readiness.storeAnswered(true);
    expect(readiness.report().status).toBe('ready');
  });

  test('is not ready when it started without ever reaching the store', () => {
    readiness.started();
    expect(readiness.report().status).toBe('store-unreachable');
  });

  test('draining is for ever', () => {
    readiness.storeAnswered(true);
    readiness.drain();
    expect(readiness.isDraining).toBe(true);
    readiness.started();
    readiness.storeAnswered(true);
    expect(readiness.report()).toEqual({ status: 'draining', storeReachable: true });
  });
});

/** Lets time pass until the status is this one. */
async function becomes(status: () => string, wanted: string): Promise<void> {
  for (let ms = 0; status() !== wanted && ms < 10_000; ms += 100) await vi.advanceTimersByTimeAsync(100);
  expect(status()).toBe(wanted);
}

describe('watchStore', () => {
  const mismatches: string[] = [];
  let stop: () => void;
  const watch = (store: Parameters<typeof watchStore>[0]) => {
    const readiness = new Readiness(TOLERANCE_MS, () => Date.now());
    stop = watchStore(store, readiness, createLogger('silent'), (detail) => mismatches.push(detail));
    return { status: () => readiness.report().status };
  };

  beforeEach(() => {
    mismatches.length = 0;
    vi.useFakeTimers();
  });
  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  test('waits for the store, checks the data once, and then it is ready', async () => {
    const ping = vi.fn<() => Promise<boolean>>().mockResolvedValue(true);
    ping.mockResolvedValueOnce(false).mockResolvedValueOnce(false);
    const checkDataVersion = vi.fn<() => Promise<null>>().mockResolvedValue(null);
    const { status } = watch({ ping, checkDataVersion });
    await vi.advanceTimersToNextTimerAsync();
    expect(status()).toBe('starting');
    await becomes(status, 'ready');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(checkDataVersion).toHaveBeenCalledTimes(1);
    expect(ping.mock.calls.length).toBeGreaterThan(10);
  });

  test('data of other settings are reported and it is never ready', async () => {
    const { status } = watch({ ping: async () => true, checkDataVersion: async () => 'partitions is 8' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(mismatches).toEqual(['partitions is 8']);
    expect(status()).toBe('starting');
  });

  test('a check that the store cannot answer is made again', async () => {
    const checkDataVersion = vi.fn<() => Promise<null>>().mockResolvedValue(null);
    checkDataVersion.mockRejectedValueOnce(new Error('gone'));
    const { status } = watch({ ping: async () => true, checkDataVersion });
    await becomes(status, 'ready');
    expect(checkDataVersion).toHaveBeenCalledTimes(2);
  });

  test('a store that goes and comes back is noticed', async () => {
    let reachable = true;
    const { status } = watch({ ping: async () => reachable, checkDataVersion: async () => null });
    await becomes(status, 'ready');
    reachable = false;
    await vi.advanceTimersByTimeAsync(TOLERANCE_MS + 3_000);
    expect(status()).toBe('store-unreachable');
    reachable = true;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(status()).toBe('ready');
  });

  test('asks no more once it is stopped, even in the middle of a question', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const ping = vi.fn<() => Promise<boolean>>().mockReturnValue(promise);
    watch({ ping, checkDataVersion: async () => null });
    stop();
    resolve(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ping).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
