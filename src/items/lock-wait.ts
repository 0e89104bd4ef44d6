// Waits for one content that another instance is saving, without holding anybody else up.
import type { Clock, ContentLocks, LockGrant, LockedElsewhere, LockResult } from './ports.ts';

type LockWaitOptions = { readonly lockWaitMs: number; readonly lockBreakMs: number };
type LockWaitDeps = { readonly locks: ContentLocks; readonly clock: Clock; readonly random: () => number };

export type LockWaitResult =
  | { readonly kind: 'granted'; readonly grant: LockGrant }
  | { readonly kind: 'still_locked' }
  | Extract<LockResult, { kind: 'unavailable' }>;

const FIRST_DELAY_MS = 5;
const MAX_DELAY_MS = 100;

/**
 * Tries for the lock until `lockWaitMs` have passed, at growing, jittered intervals. A holder that stays the same for
 * `lockBreakMs` is longer at it than a live save can be; it is taken for dead and its lock is broken, so that killing an
 * instance costs its clients a second and not the lock's whole time to live. Breaking a live holder's lock is safe: the
 * store fences it, and it comes back to find the content saved.
 */
export async function awaitLock(
  first: LockedElsewhere,
  { locks, clock, random }: LockWaitDeps,
  { lockWaitMs, lockBreakMs }: LockWaitOptions,
): Promise<LockWaitResult> {
  const startedMs = clock.nowMs();
  let { holder } = first;
  let sameHolderSinceMs = startedMs;
  let delayMs = FIRST_DELAY_MS;
  for (;;) {
    await clock.delay(delayMs * (0.5 + random()));
    const result = await locks.acquire([first.key]);
    if (result.kind === 'unavailable') return result;
    const [grant] = result.grants;
    if (grant !== undefined) return { kind: 'granted', grant };
    const nowMs = clock.nowMs();
    const found = result.contended[0]?.holder ?? holder;
    if (found !== holder) sameHolderSinceMs = nowMs;
    holder = found;
    if (nowMs - sameHolderSinceMs >= lockBreakMs) {
      // Before giving up, however late it is: this process may have been held up itself since its last look.
      await locks.breakLock({ key: first.key, holder });
      sameHolderSinceMs = nowMs;
      delayMs = FIRST_DELAY_MS;
    } else if (nowMs - startedMs >= lockWaitMs) {
      return { kind: 'still_locked' };
    } else {
      delayMs = Math.min(delayMs * 2, MAX_DELAY_MS);
    }
  }
}
