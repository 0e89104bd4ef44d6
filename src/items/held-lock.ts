// A lock that several contents hold together, and that goes when the last of them is done with it.
import type { Probe } from './fault-points.ts';
import type { ContentLocks, LockGrant } from './ports.ts';

type HeldLockDeps = { readonly locks: ContentLocks; readonly probe?: Probe | undefined };

/** Contents of one batch can end in different rounds; the first to end must not take the lock away from the others. */
export class HeldLock {
  readonly grant: LockGrant;
  readonly #locks: ContentLocks;
  readonly #probe: Probe | undefined;
  #holders: number;

  /** `locks` is where the grant is released when each of its contents has left. */
  constructor(grant: LockGrant, { locks, probe }: HeldLockDeps) {
    this.grant = grant;
    this.#locks = locks;
    this.#probe = probe;
    this.#holders = grant.keys.length;
  }

  /** To be called once by each content. Does not wait: what cannot be released expires. */
  leave(): void {
    this.#holders--;
    if (this.#holders === 0) void this.#release();
  }

  async #release(): Promise<void> {
    if (this.#probe !== undefined) await this.#probe('before-release');
    await this.#locks.release(this.grant);
  }
}
