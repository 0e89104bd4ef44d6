// Locks contents with Redlock; alone knows that library and the ways in which it fails.
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import Redlock, { ExecutionError, Lock, ResourceLockedError } from 'redlock';
import type { ContentKey } from '../items/content.ts';
import type { ContentLocks, LockGrant, LockRequest, LockResult } from '../items/ports.ts';
import { failureOf, reasonOf } from './faults.ts';
import { type Keyspace, lockKey } from './keys.ts';
import { LockClient } from './lock-client.ts';
import { holdWrites } from './one-write.ts';

export type LockObserver = {
  acquired(outcome: LockOutcome, durationSeconds: number): void;
  releaseFailed(): void;
};

export const LOCK_OUTCOMES = ['acquired', 'contended', 'unavailable'] as const;
export type LockOutcome = (typeof LOCK_OUTCOMES)[number];

// Retries are ours: Redlock's own count the validity from before the first try, and a release that fails would be
// repeated ten times in the way of the next acquire.
const ONE_TRY = { retryCount: 0 };

const readScript = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const ACQUIRE_SCRIPT = readScript('acquire-locks.lua');
const RELEASE_SCRIPT = readScript('release-locks.lua');
// They answer like Redlock's own, with fewer calls and without replication. A string in place of a function is ignored.
const SCRIPTS = { acquireScript: () => ACQUIRE_SCRIPT, releaseScript: () => RELEASE_SCRIPT };

/** The connections of the locks. */
export type LockConnections = {
  /** That of the commits: a lock that is asked for goes out with the commit that it is for. */
  readonly commitRedis: Redis;
  /** For what must not stand behind a commit. */
  readonly lockRedis: Redis;
};

/** Content locks in the Redis that holds the items, so that the save script can check them against its fencing token. */
export class RedisContentLocks implements ContentLocks {
  readonly #connections: LockConnections;
  readonly #commitClient: LockClient;
  readonly #withCommits: Redlock;
  readonly #beside: Redlock;
  readonly #space: Keyspace;
  readonly #ttlMs: number;
  readonly #observer: LockObserver;
  readonly #locks = new WeakMap<LockGrant, Lock>();

  constructor(connections: LockConnections, space: Keyspace, ttlMs: number, observer: LockObserver) {
    this.#connections = connections;
    this.#commitClient = new LockClient(connections.commitRedis);
    this.#withCommits = redlockOver(this.#commitClient);
    this.#beside = redlockOver(new LockClient(connections.lockRedis));
    this.#space = space;
    this.#ttlMs = ttlMs;
    this.#observer = observer;
  }

  ask(keys: readonly ContentKey[]): LockRequest {
    holdWrites(this.#connections.commitRedis);
    const answer = this.#acquire(this.#withCommits, keys).then(
      (grant) => grant,
      () => null,
    );
    return { token: this.#commitClient.token, answer };
  }

  async acquire(key: ContentKey): Promise<LockResult> {
    try {
      return { kind: 'granted', grant: await this.#acquire(this.#beside, [key]) };
    } catch (error) {
      if (!(error instanceof ResourceLockedError)) return unavailable(error as Error);
    }
    try {
      return { kind: 'held', holder: (await this.#connections.lockRedis.get(lockKey(this.#space, key))) ?? '' };
    } catch (error) {
      return unavailable(error as Error);
    }
  }

  async breakLock(key: ContentKey, holder: string): Promise<void> {
    // Redlock's release compares the value before it deletes, so a lock that changed hands meanwhile stays.
    const lock = new Lock(this.#beside, [lockKey(this.#space, key)], holder, [], 0);
    await this.#beside.release(lock, ONE_TRY).catch(() => {});
  }

  async release(grant: LockGrant): Promise<void> {
    const lock = this.#locks.get(grant);
    if (lock === undefined) return;
    // In one write with the next commit, if there is one.
    holdWrites(this.#connections.commitRedis);
    await this.#withCommits.release(lock, ONE_TRY).catch(() => this.#observer.releaseFailed());
  }

  /** Rejects with a `ResourceLockedError` when somebody else holds one of the contents, else with why Redis could not be asked. */
  async #acquire(redlock: Redlock, keys: readonly ContentKey[]): Promise<LockGrant> {
    const startedMs = performance.now();
    const resources = keys.map((key) => lockKey(this.#space, key));
    const observe = (outcome: LockOutcome): void =>
      this.#observer.acquired(outcome, (performance.now() - startedMs) / 1_000);
    try {
      const lock = await redlock.acquire(resources, this.#ttlMs);
      // Redlock reckons with Date.now(), which can jump; the drift that it allows for is taken from its own result.
      const validUntilMs = startedMs + this.#ttlMs * (1 - redlock.settings.driftFactor) - 2;
      if (performance.now() >= validUntilMs) {
        void redlock.release(lock, ONE_TRY).catch(() => this.#observer.releaseFailed());
        throw new Error('the lock took longer to acquire than it lives (timeout)');
      }
      const grant: LockGrant = { token: lock.value, keys, validUntilMs };
      this.#locks.set(grant, lock);
      observe('acquired');
      return grant;
    } catch (error) {
      const cause = await causeOf(error);
      observe(cause instanceof ResourceLockedError ? 'contended' : 'unavailable');
      throw cause;
    }
  }
}

function redlockOver(client: LockClient): Redlock {
  return new Redlock([client as unknown as Redis], ONE_TRY, SCRIPTS);
}

/** Redlock answers "no quorum" both when a lock is held and when Redis cannot be asked; the votes tell which. */
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
