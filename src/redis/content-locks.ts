// Locks contents with Redlock; alone knows that library and the ways in which it fails.
import type { Redis } from 'ioredis';
import Redlock, { ExecutionError, Lock, ResourceLockedError } from 'redlock';
import type { ContentKey } from '../items/content.ts';
import type { ContentLocks, LockedElsewhere, LockGrant, LockResult } from '../items/ports.ts';
import { failureOf, reasonOf } from './faults.ts';
import { type Keyspace, lockKey } from './keys.ts';

export type LockObserver = {
  acquired(outcome: LockOutcome, durationSeconds: number): void;
  releaseFailed(): void;
};

export const LOCK_OUTCOMES = ['acquired', 'contended', 'unavailable'] as const;
export type LockOutcome = (typeof LOCK_OUTCOMES)[number];

// Retries are ours: Redlock's own count the validity from before the first try, and a release that fails would be
// repeated ten times in the way of the next acquire.
const ONE_TRY = { retryCount: 0 };

type Attempt = { readonly grant: LockGrant } | { readonly contended: true } | { readonly error: Error };

/** Content locks in the Redis that holds the items, so that the save script can check them against its fencing token. */
export class RedisContentLocks implements ContentLocks {
  readonly #redis: Redis;
  readonly #redlock: Redlock;
  readonly #space: Keyspace;
  readonly #ttlMs: number;
  readonly #observer: LockObserver;
  readonly #locks = new WeakMap<LockGrant, Lock>();

  constructor(redis: Redis, space: Keyspace, ttlMs: number, observer: LockObserver) {
    this.#redis = redis;
    this.#redlock = new Redlock([redis], ONE_TRY);
    this.#space = space;
    this.#ttlMs = ttlMs;
    this.#observer = observer;
  }

  async acquire(keys: readonly ContentKey[]): Promise<LockResult> {
    const startedMs = performance.now();
    const result = await this.#acquire(keys);
    const outcome =
      result.kind === 'unavailable' ? 'unavailable' : result.contended.length > 0 ? 'contended' : 'acquired';
    this.#observer.acquired(outcome, (performance.now() - startedMs) / 1_000);
    return result;
  }

  async breakLock({ key, holder }: LockedElsewhere): Promise<void> {
    // Redlock's release compares the value before it deletes, so a lock that changed hands meanwhile stays.
    const lock = new Lock(this.#redlock, [lockKey(this.#space, key)], holder, [], 0);
    await this.#redlock.release(lock, ONE_TRY).catch(() => {});
  }

  async release(grant: LockGrant): Promise<void> {
    const lock = this.#locks.get(grant);
    if (lock === undefined) return;
    await this.#redlock.release(lock, ONE_TRY).catch(() => this.#observer.releaseFailed());
  }

  async #acquire(keys: readonly ContentKey[]): Promise<LockResult> {
    const together = await this.#attempt(keys);
    if ('grant' in together) return { kind: 'answered', grants: [together.grant], contended: [] };
    if ('error' in together) return unavailable(together.error);
    // One content that is held elsewhere refuses all of them: find out which, and lock the others without it.
    let holders: (string | null)[];
    try {
      holders = await this.#redis.mget(keys.map((key) => lockKey(this.#space, key)));
    } catch (error) {
      return unavailable(error as Error);
    }
    const contended: LockedElsewhere[] = [];
    const free: ContentKey[] = [];
    keys.forEach((key, i) => {
      const holder = holders[i];
      if (holder == null) free.push(key);
      else contended.push({ key, holder });
    });
    if (free.length === 0) return { kind: 'answered', grants: [], contended };
    const again = await this.#attempt(free);
    if ('error' in again) return unavailable(again.error);
    if ('grant' in again) return { kind: 'answered', grants: [again.grant], contended };
    // Somebody came in between. Rare enough to let each go on by itself.
    return { kind: 'answered', grants: [], contended: [...contended, ...free.map((key) => ({ key, holder: '' }))] };
  }

  async #attempt(keys: readonly ContentKey[]): Promise<Attempt> {
    const startedMs = performance.now();
    const resources = keys.map((key) => lockKey(this.#space, key));
    try {
      const lock = await this.#redlock.acquire(resources, this.#ttlMs);
      // Redlock reckons with Date.now(), which can jump; the drift that it allows for is taken from its own result.
      const validUntilMs = startedMs + this.#ttlMs * (1 - this.#redlock.settings.driftFactor) - 2;
      if (performance.now() >= validUntilMs) {
        void this.#redlock.release(lock, ONE_TRY).catch(() => this.#observer.releaseFailed());
        return { error: new Error('the lock took longer to acquire than it lives (timeout)') };
      }
      const grant: LockGrant = { token: lock.value, keys, validUntilMs };
      this.#locks.set(grant, lock);
      return { grant };
    } catch (error) {
      return (await isContention(error)) ? { contended: true } : { error: await causeOf(error) };
    }
  }
}

/** Redlock answers "no quorum" both when a lock is held and when Redis cannot be asked; the votes tell which. */
async function isContention(error: unknown): Promise<boolean> {
  return (await causeOf(error)) instanceof ResourceLockedError;
}

async function causeOf(error: unknown): Promise<Error> {
  if (error instanceof ExecutionError) {
    const stats = await error.attempts.at(-1);
    const [cause] = stats?.votesAgainst.values() ?? [];
    if (cause !== undefined) return cause;
  }
  return error instanceof Error ? error : new Error('redlock threw', { cause: error });
}

function unavailable(error: Error): LockResult {
  const reason = reasonOf(error);
  return { kind: 'unavailable', failure: failureOf(reason), detail: `no lock: ${reason}` };
}
