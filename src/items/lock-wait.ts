// Waits for one content that another instance is saving, without holding anybody else up.
import type { ContentKey } from './content.ts';
import type { Clock, ContentLocks, LockResult } from './ports.ts';

export type LockWaitOptions = {
  /** How long a content that is locked elsewhere is waited for. */
  readonly lockWaitMs: number;
  /** How long a live save can hold its lock without a change; past it, the holder is taken for dead. */
  readonly lockBreakMs: number;
};
export type LockWaitDeps = { readonly locks: ContentLocks; readonly clock: Clock; readonly random: () => number };

export type LockTry = Exclude<LockResult, { kind: 'held' }> | { readonly kind: 'still_locked' };

const FIRST_DELAY_MS = 5;
const MAX_DELAY_MS = 100;

/**
 * Tries for the lock at growing, jittered intervals. A holder that stays the same for `lockBreakMs` is longer at it than
 * a live save can be; it is taken for dead and its lock is broken, so that killing an instance costs its clients a second
 * and not the lock's whole time to live. Breaking a live holder's lock is safe: the store fences it, and it comes back to
 * find the content saved. One wait lasts over all rounds of a save, those included in which lock or store could not be
 * asked: otherwise each time-out would give a dead holder its time anew.
 */
export class LockWait {
  readonly #deps: LockWaitDeps;
  readonly #options: LockWaitOptions;
  readonly #key: ContentKey;
  readonly #startedMs: number;
  #holder: string;
  #sameHolderSinceMs: number;
  #delayMs = FIRST_DELAY_MS;
  /** The lock was held by somebody live when `lockWaitMs` had passed. */
  isOver = false;

  /** `holder` has the lock as this begins. */
  constructor(key: ContentKey, holder: string, deps: LockWaitDeps, options: LockWaitOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#key = key;
    this.#holder = holder;
    this.#startedMs = deps.clock.nowMs();
    this.#sameHolderSinceMs = this.#startedMs;
  }

  /** Pauses, then tries for the lock; breaks it first if its holder is dead. Never throws for a fault of the store. */
  async tryAgain(): Promise<LockTry> {
    const { locks, clock, random } = this.#deps;
    for (;;) {
      await clock.delay(this.#delayMs * (0.5 + random()));
      const result = await locks.acquire(this.#key);
      if (result.kind !== 'held') return result;
      const { holder } = result;
      const nowMs = clock.nowMs();
      if (holder !== this.#holder) this.#sameHolderSinceMs = nowMs;
      this.#holder = holder;
      if (nowMs - this.#sameHolderSinceMs < this.#options.lockBreakMs) {
        this.isOver = nowMs - this.#startedMs >= this.#options.lockWaitMs;
        this.#delayMs = Math.min(this.#delayMs * 2, MAX_DELAY_MS);
        return { kind: 'still_locked' };
      }
      // Before giving up, however late it is: this process may have been held up itself since its last look.
      await locks.breakLock(this.#key, holder);
      this.#sameHolderSinceMs = nowMs;
      this.#delayMs = FIRST_DELAY_MS;
    }
  }
}
