// One round of the save path for a batch: ask for the locks, commit, hand each content its verdict.
import type { FailureCode } from './errors.ts';
import type { Probe } from './fault-points.ts';
import { HeldLock } from './held-lock.ts';
import { formatItemId } from './item.ts';
import { LockWait, type LockWaitDeps, type LockWaitOptions } from './lock-wait.ts';
import type { PendingSave } from './pending-save.ts';
import type { AnswerTally, CommitResult, ItemStore, LockRequest } from './ports.ts';
import type { CommitTrace, SaveTracer } from './save-trace.ts';

type CommitDeps = LockWaitDeps & {
  readonly store: ItemStore;
  readonly tally: AnswerTally;
  readonly observer: {
    lockLost(): void;
    /** How many contents were sent to the store, how long that and their locks took, and whose trace shows it, if any. */
    committed(batchSize: number, durationMs: number, traceId?: string): void;
  };
  readonly probe?: Probe | undefined;
  readonly tracer?: SaveTracer | undefined;
};
type CommitOptions = LockWaitOptions & { readonly lockMarginMs: number };

/** What happens to a content after a round; exactly one of them is called for each. */
export type RoundEnd = {
  done(save: PendingSave): void;
  retry(save: PendingSave, failure: FailureCode, detail: string): void;
  /** Not known yet, and another instance has the lock. */
  locked(save: PendingSave, wait: LockWait): void;
  /** Decided, but some requests came too late to have their claims in this round. The lock is kept for the next one. */
  again(save: PendingSave): void;
};

// The token of who holds no lock. Redlock's are random and longer, so nobody ever holds this one.
const NO_LOCK = 'no lock';

/**
 * Sends a batch to the store. What is locked elsewhere is sent too, without a lock: the store answers what it knows and
 * refuses to save under somebody's lock, so a duplicate never waits for one. For the same reason the commit does not wait
 * for the locks that it asks for: it is one way to the store and back, and not two.
 */
export async function commitBatch(
  batch: readonly PendingSave[],
  { store, locks, clock, observer, probe, tracer }: CommitDeps,
  { lockMarginMs }: CommitOptions,
): Promise<CommitResult> {
  const startedMs = clock.nowMs();
  const trace = tracer === undefined ? undefined : traceOf(batch, tracer);
  const unlocked = batch.filter((save) => save.wait === null && !isLocked(save, startedMs + lockMarginMs));
  // A release goes out before the request, on the same connection, so that we are not locked out by ourselves.
  for (const save of unlocked) save.holdLock(null);
  if (probe !== undefined && unlocked.length > 0) await probe('before-lock');
  const asked = unlocked.length === 0 ? null : locks.ask(unlocked.map((save) => save.key));
  if (trace !== undefined && asked !== null) traceLock(trace, asked);
  if (probe !== undefined) {
    await asked?.answer;
    await probe('after-lock');
  }
  const commands = batch.map((save) =>
    save.command(save.grant?.token ?? (save.wait === null ? asked?.token : null) ?? NO_LOCK),
  );
  let result: CommitResult;
  try {
    result = await store.commit(commands);
    trace?.ended(result);
  } finally {
    // Also when it throws: a lock that nobody knows of stays for its whole time to live.
    const grant = await asked?.answer;
    if (grant != null) {
      const lock = new HeldLock(grant, { locks, probe });
      for (const save of unlocked) save.holdLock(lock);
    }
  }
  if (probe !== undefined && result.kind === 'confirmed') await probe('after-acknowledgement');
  observer.committed(batch.length, clock.nowMs() - startedMs, trace?.traceId);
  return result;
}

function traceOf(batch: readonly PendingSave[], tracer: SaveTracer): CommitTrace | undefined {
  const traces = batch.flatMap((save) => save.traces);
  return traces.length === 0 ? undefined : tracer.commit(traces, batch.length);
}

function traceLock(trace: CommitTrace, { answer }: LockRequest): void {
  trace.lockAsked();
  void answer.then((grant) => trace.lockAnswered(grant !== null));
}

const isLocked = ({ grant }: PendingSave, untilMs: number): boolean => grant !== null && grant.validUntilMs >= untilMs;

/** Hands each save of the batch its verdict. */
export function settleBatch(
  batch: readonly PendingSave[],
  result: CommitResult,
  deps: CommitDeps,
  options: CommitOptions,
  end: RoundEnd,
): void {
  const { tally, observer } = deps;
  batch.forEach((save, i) => {
    if (result.kind === 'unknown') {
      // The lock is kept for the next round: giving it up would let another instance in between two of our attempts.
      save.uncertain = true;
      end.retry(save, result.failure, result.detail);
    } else {
      const verdict = result.verdicts[i];
      if (verdict === undefined) throw new Error('the store answered fewer verdicts than it was asked for');
      if (verdict.kind === 'fenced' && save.grant === null) {
        save.wait ??= new LockWait(save.key, verdict.holder, deps, options);
        end.locked(save, save.wait);
      } else if (verdict.kind === 'fenced') {
        observer.lockLost();
        save.holdLock(null);
        end.retry(save, 'store-unavailable', 'the lock was lost to another instance');
      } else if (verdict.kind === 'full') {
        end.done(save);
        save.fail(save.noRoom);
      } else if (verdict.kind === 'damaged') {
        end.done(save);
        save.fail(new Error(`the index names item ${formatItemId(verdict.position)}, which the log does not have`));
      } else {
        const { isOver, uncounted } = save.settle(verdict);
        if (uncounted.duplicates + uncounted.replayed > 0) tally.add(save.key, uncounted);
        if (isOver) end.done(save);
        else end.again(save);
      }
    }
  });
}
