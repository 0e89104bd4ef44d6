// A lock that several contents hold together, and that goes when the last of them is done with it.
import type { ContentLocks, LockGrant } from './ports.ts';

/** Contents of one batch can end in different rounds; the first to end must not take the lock away from the others. */
export class HeldLock {
  readonly grant: LockGrant;
  readonly #locks: ContentLocks;
  #holders: number;

  /** `locks` is where the grant is released when each of its contents has left. */
  constructor(grant: LockGrant, locks: ContentLocks) {
    this.grant = grant;
    this.#locks = locks;
    this.#holders = grant.keys.length;
  }

  /** To be called once by each content. Does not wait: what cannot be released expires. */
  leave(): void {
    this.#holders--;
    if (this.#holders === 0) void this.#locks.release(this.grant);
  }
}
