// Group commit: saves gather while a commit is in flight and leave together; equal contents share one place.
import { commitBatch, settleBatch } from './commit-batch.ts';
import { ServiceFailure, type FailureCode } from './errors.ts';
import type { Probe } from './fault-points.ts';
import { Gathering } from './gathering.ts';
import { HeldLock } from './held-lock.ts';
import type { LockWait, LockWaitOptions } from './lock-wait.ts';
import { PendingSave, type SaveOutcome, type SaveRequest, type Waiter } from './pending-save.ts';
import type { AnswerTally, Clock, ContentLocks, ItemStore } from './ports.ts';
import type { SaveTracer } from './save-trace.ts';

/** What the queue tells about itself while it works. */
export type SaveObserver = {
  joined(): void;
  committed(batchSize: number, durationMs: number, traceId?: string): void;
  lockLost(): void;
};

export type SaveQueueDeps = {
  readonly store: ItemStore;
  readonly tally: AnswerTally;
  readonly locks: ContentLocks;
  readonly clock: Clock;
  readonly observer: SaveObserver;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** For tests. */
  readonly probe?: Probe | undefined;
  /** Absent where nothing is traced. */
  readonly tracer?: SaveTracer | undefined;
};

export type SaveQueueOptions = LockWaitOptions & {
  readonly maxPendingSaves: number;
  /** A lock with less time left than this is not used for another commit. */
  readonly lockMarginMs: number;
};

const RETRY_DELAY_MS = 25;
const RETRY_JITTER_MS = 75;

/** Saves contents through a lock and a store; lock, commit, confirm, answer, release. */
export class SaveQueue {
  readonly #deps: SaveQueueDeps;
  readonly #options: SaveQueueOptions;
  readonly #byContent = new Map<string, PendingSave>();
  readonly #gathering = new Gathering();
  /** A commit is in flight, or the next one is about to gather what has arrived. */
  #isCommitting = false;
  /** What failed and waits to be tried again. */
  #failed: PendingSave[] = [];
  #pending = 0;
  #closed = false;
  readonly #idle = new Set<() => void>();

  constructor(deps: SaveQueueDeps, options: SaveQueueOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** How many requests wait for an outcome. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Saves a content, or says why not. Throws `ServiceFailure`: `overloaded` when too many saves wait, or too many for its
   * deadline, `draining` after `close`, and what the store said last when the deadline passes. After any of them the same
   * request may be sent again.
   */
  save(request: SaveRequest): Promise<SaveOutcome> {
    return new Promise((resolve, reject) => this.submit(request, { resolve, reject }));
  }

  /**
   * Saves a content like `save` and tells the waiter. Throws `overloaded` or `draining` when it does not take the save. For
   * who has many: a promise for each, and each that waits for it, was a fifth of a stream's CPU.
   */
  submit(request: SaveRequest, waiter: Waiter): void {
    if (this.#closed) throw new ServiceFailure('draining', 'this instance is shutting down');
    if (this.#pending >= this.#options.maxPendingSaves)
      throw new ServiceFailure('overloaded', 'too many saves are waiting');
    const inFlight = this.#byContent.get(request.key.hex);
    // Now and not at its deadline: by then it had held its place and its body for nothing.
    if (inFlight === undefined && this.#gathering.waitMs > request.deadlineMs - this.#deps.clock.nowMs())
      throw new ServiceFailure('overloaded', 'so many saves are waiting that this one would be too late');
    this.#pending++;
    if (inFlight !== undefined) {
      this.#deps.observer.joined();
      inFlight.join(request, waiter);
      return;
    }
    const save = new PendingSave(request, waiter, this.#answered);
    this.#byContent.set(save.key.hex, save);
    this.#enqueue(save);
  }

  /** Refuses new saves and resolves when those that were accepted are answered. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#pending > 0) await new Promise<void>((resolve) => this.#idle.add(resolve));
  }

  readonly #answered = (): void => {
    this.#pending--;
    if (this.#pending === 0) for (const wake of this.#idle) wake();
  };

  /** Forgets a save that nobody waits for any more; its lock goes too, behind the answers and not waited for. */
  #end(save: PendingSave): void {
    // A save that ended already may have a successor there.
    if (this.#byContent.get(save.key.hex) === save) this.#byContent.delete(save.key.hex);
    save.holdLock(null);
  }

  #enqueue(save: PendingSave): void {
    if (this.#deps.tracer !== undefined) save.waits('queue');
    this.#gathering.add(save);
    this.#pump();
  }

  #pump(): void {
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    this.#commitSoon();
  }

  /**
   * Commits what has gathered when the requests that are here already have joined it. Whoever sends at once, at the first
   * of them or at the answer to the last commit, divides what a commit costs by fewer saves.
   */
  #commitSoon(): void {
    this.#deps.clock.afterArrivals(() => {
      const batch = this.#gathering.takeBatch(this.#deps.clock.nowMs(), (save) => this.#end(save));
      if (batch.length === 0) this.#isCommitting = false;
      else void this.#commit(batch);
    });
  }

  async #commit(batch: PendingSave[]): Promise<void> {
    for (const save of batch) save.isInRound = true;
    const startedMs = this.#deps.clock.nowMs();
    try {
      // Before the locks are given back, which then leaves in one write with the next commit.
      const result = await commitBatch(batch, this.#deps, this.#options).finally(() => this.#commitSoon());
      if (result.kind === 'confirmed') this.#gathering.confirmed(this.#deps.clock.nowMs() - startedMs);
      settleBatch(batch, result, this.#deps, this.#options, {
        done: (save) => this.#end(leave(save)),
        again: (save) => this.#enqueue(leave(save)),
        retry: (save, failure, detail) => this.#retry(leave(save), failure, detail),
        locked: (save, wait) => this.#locked(leave(save), wait),
      });
    } catch (error) {
      // Nothing in the path throws for a fault of the store, so this is a bug: the requests must not hang because of it.
      // Those that have left the round are answered already, or on their way into another.
      this.#abandon(
        batch.filter((save) => save.isInRound),
        error,
      );
    }
  }

  #retry(save: PendingSave, failure: FailureCode, detail: string): void {
    const { clock, random } = this.#deps;
    save.lastFailure = { code: failure, message: detail };
    if (save.expire(clock.nowMs())) {
      this.#end(save);
      return;
    }
    if (this.#deps.tracer !== undefined) save.waits('retry');
    // All of them together: each by itself was a lock and a commit of its own, and 2,000 lines of a stream that waited for
    // a failover kept the process so busy with those that it did not get to connecting.
    if (this.#failed.push(save) > 1) return;
    void clock.delay(RETRY_DELAY_MS + random() * RETRY_JITTER_MS).then(() => this.#goOn());
  }

  #goOn(): void {
    const saves = this.#failed;
    this.#failed = [];
    for (const save of saves) {
      // While it waits, the lock is tried before the store is asked: in between it may have become free.
      if (save.wait === null) this.#gathering.add(save);
      else void this.#tryLock(save, save.wait);
    }
    this.#pump();
  }

  /** The store was asked in vain, so this is where a wait ends; until then lock and store are tried in turns. */
  #locked(save: PendingSave, wait: LockWait): void {
    if (wait.isOver) {
      this.#end(save);
      save.settle({ kind: 'in_progress' });
    } else {
      if (this.#deps.tracer !== undefined) save.waits('lock');
      void this.#tryLock(save, wait);
    }
  }

  async #tryLock(save: PendingSave, wait: LockWait): Promise<void> {
    try {
      const result = await wait.tryAgain();
      // A full store grants no lock and still tells whether it knows the content by now.
      if (result.kind === 'unavailable' && result.failure !== 'storage-full') {
        this.#retry(save, result.failure, result.detail);
        return;
      }
      if (result.kind === 'granted') {
        save.wait = null;
        save.holdLock(new HeldLock(result.grant, this.#deps));
      }
      this.#enqueue(save);
    } catch (error) {
      this.#abandon([save], error);
    }
  }

  #abandon(saves: Iterable<PendingSave>, error: unknown): void {
    for (const save of saves) {
      this.#end(save);
      save.fail(error instanceof Error ? error : new Error('a commit threw', { cause: error }));
    }
  }
}

function leave(save: PendingSave): PendingSave {
  save.isInRound = false;
  return save;
}
