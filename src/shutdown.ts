// Stops a running service step by step, so that nothing that was accepted is cut off.
import { setTimeout } from 'node:timers/promises';
import type { Logger } from './observability/logger.ts';

type Closable = { close(): Promise<unknown> };

export type Parts = {
  readonly app: Closable;
  readonly ops: Closable | null;
  readonly queue: Closable;
  readonly feed: { close(): void };
  readonly store: { close(graceMs: number): Promise<void> };
  readonly readiness: { drain(): void };
  readonly stopWatch: () => void;
  /** Null where nothing is traced. */
  readonly tracing: { close(limitMs: number): Promise<void> } | null;
};

/**
 * How long an instance goes on serving after it stopped being ready, so that whoever asks /readyz notices before
 * connections are refused. nginx needs none of it: to it a closed connection is a reason to try the next instance.
 */
const DRAIN_MS = 2_000;
/** Kept for leaving Redis, however long clients took. The rest of the default grace outlasts SAVE_DEADLINE_MS and the drain. */
const REDIS_GRACE_MS = 500;
/** For the spans of the last requests, when those are answered. A collector that is down costs no more of the shutdown. */
const TRACING_GRACE_MS = 1_000;

/**
 * Not ready → end the feeds → drain (answers carry `Connection: close`) → close the server → finish the saves in flight → send the last traces → leave Redis.
 * Ends within `graceMs`: a step that fails or takes too long is logged and does not keep the next from happening.
 */
export async function shutDown(parts: Parts, graceMs: number, logger: Logger): Promise<void> {
  const redisGraceMs = Math.min(REDIS_GRACE_MS, graceMs / 8);
  const deadlineMs = performance.now() + graceMs - redisGraceMs;
  const step = async (name: string, work: () => Promise<unknown>, limitMs = deadlineMs - performance.now()) => {
    const late = Symbol('late');
    const limit = new AbortController();
    const timer = setTimeout(Math.max(0, limitMs), late, { signal: limit.signal }).catch(() => null);
    try {
      if ((await Promise.race([work(), timer])) === late) logger.error({ step: name }, 'shutdown step took too long');
    } catch (error) {
      logger.error({ step: name, err: error }, 'shutdown step failed');
    } finally {
      limit.abort();
    }
  };
  parts.readiness.drain();
  // At once: they would not end by themselves, and their consumers go on elsewhere.
  parts.feed.close();
  logger.info({ graceMs }, 'draining');
  await setTimeout(Math.min(DRAIN_MS, graceMs / 4));
  await step('close server', () => parts.app.close());
  await step('finish saves', () => parts.queue.close());
  parts.stopWatch();
  await step('close ops server', async () => parts.ops?.close());
  const tracingMs = Math.max(0, Math.min(TRACING_GRACE_MS, deadlineMs - performance.now()));
  await step('send traces', async () => parts.tracing?.close(tracingMs));
  await step('leave Redis', () => parts.store.close(redisGraceMs / 2), redisGraceMs);
  logger.info('stopped');
}
