// When a request is sent again, and how long to wait before.
import { ProblemError, UnreachableError } from './errors.ts';

export type RetryOptions = {
  /** A request is given up when it has not succeeded for so long; a stream, when it has not got on for so long. */
  readonly deadlineMs: number;
  /** One attempt, or the silence of a stream that owes us results, takes at most so long. */
  readonly attemptTimeoutMs: number;
  /** The first pause is a random one up to this; the bound doubles with each further one. */
  readonly baseMs: number;
  /** No pause is longer, but for what the service asks for in Retry-After. */
  readonly capMs: number;
};

/** A failover of the store takes seconds and a save in it up to 12 s, so a minute outlasts one. */
export const DEFAULT_RETRY: RetryOptions = { deadlineMs: 60_000, attemptTimeoutMs: 30_000, baseMs: 100, capMs: 5_000 };

const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504, 507]);

/**
 * Whether the same thing may come out differently next time. Safe for every request that this client sends: its saves
 * carry an Idempotency-Key, and the others change nothing that a second one would change again.
 */
export function passesByItself(status: number, code: string): boolean {
  return RETRYABLE_STATUS.has(status) || code === 'save-in-progress';
}

/** Whether a request that failed with this may be sent again. */
export function isRetryable(error: unknown): boolean {
  return (
    error instanceof UnreachableError || (error instanceof ProblemError && passesByItself(error.status, error.code))
  );
}

/**
 * The pause before attempt `attempt` (from 1): full jitter, so that clients that failed together do not come back
 * together; never shorter than the service asks for.
 */
export function pauseMs(attempt: number, error: unknown, { baseMs, capMs }: RetryOptions): number {
  const jitterMs = Math.random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  const askedMs = error instanceof ProblemError ? error.retryAfterMs : null;
  return (askedMs ?? 0) + jitterMs;
}

/** Waits. Rejects with the signal's reason when it is aborted. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Runs `attempt` until it succeeds, fails for good, or the deadline would pass; then throws its last error. */
export async function withRetry<T>(
  options: RetryOptions | null,
  signal: AbortSignal | undefined,
  attempt: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  const { deadlineMs, attemptTimeoutMs } = options ?? DEFAULT_RETRY;
  const endMs = performance.now() + deadlineMs;
  for (let n = 1; ; n++) {
    try {
      return await attempt(Math.max(1, Math.min(attemptTimeoutMs, endMs - performance.now())));
    } catch (error) {
      signal?.throwIfAborted();
      if (options === null || !isRetryable(error)) throw error;
      const waitMs = pauseMs(n, error, options);
      // Waiting for what would be too late helps nobody.
      if (performance.now() + waitMs >= endMs) throw error;
      await pause(waitMs, signal);
    }
  }
}
