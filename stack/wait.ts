// Waits for conditions instead of for time.
import { setTimeout as sleep } from 'node:timers/promises';

export type WaitOptions = {
  readonly timeoutMs: number;
  /** Completes "… within 10 s": what was waited for, or why it matters. */
  readonly what: string;
  readonly everyMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Asks `condition` until it returns something other than false, null or undefined; an error counts as "not yet". */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeoutMs, what, everyMs = 50, signal }: WaitOptions,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const value = await condition();
      if (value !== false && value !== null && value !== undefined) {
        return value as Exclude<T, false | null | undefined>;
      }
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`${what} within ${timeoutMs / 1000} s`, last === undefined ? {} : { cause: last });
    }
    await sleep(everyMs, undefined, signal === undefined ? {} : { signal });
  }
}

/** Thrown by a condition that cannot come true any more. */
export class Hopeless extends Error {}
