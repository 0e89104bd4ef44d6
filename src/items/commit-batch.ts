// One round of the save path for a batch: lock what is not locked yet, commit, hand each content its verdict.
import { type FailureCode, ServiceFailure } from './errors.ts';
import type { Probe } from './fault-points.ts';
import { HeldLock } from './held-lock.ts';
import { formatItemId } from './item.ts';
import { LockWait, type LockWaitDeps, type LockWaitOptions } from './lock-wait.ts';
import type { PendingSave } from './pending-save.ts';
import type { AnswerTally, ItemStore } from './ports.ts';

type CommitDeps = LockWaitDeps & {
  readonly store: ItemStore;
  readonly tally: AnswerTally;
  readonly observer: { lockLost(): void };
  readonly probe?: Probe | undefined;
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
 * Runs one round and returns how many contents were sent to the store. What is locked elsewhere is sent too, without a
 * lock: the store answers what it knows and refuses to save under somebody's lock, so a duplicate never waits for one.
 */
export async function commitBatch(
  batch: readonly PendingSave[],
  deps: CommitDeps,
  options: CommitOptions,
  end: RoundEnd,
): Promise<number> {
  const { store, tally, observer, probe } = deps;
  await lockBatch(batch, deps, options, end);
  const sent = batch.filter((save) => save.grant !== null || save.wait !== null);
  if (sent.length === 0) return 0;
  if (probe !== undefined) await probe('after-lock');
  const result = await store.commit(sent.map((save) => save.command(save.grant?.token ?? NO_LOCK)));
  if (probe !== undefined && result.kind === 'confirmed') await probe('after-acknowledgement');
  sent.forEach((save, i) => {
    if (result.kind === 'unknown') {
      // The lock is kept for the next round: giving it up would let another instance in between two of our attempts.
      save.uncertain = true;
      end.retry(save, result.failure, result.detail);
    } else if (result.kind === 'refused') {
      refuse(save, result.failure, result.detail, end);
    } else {
      const verdict = result.verdicts[i];
      if (verdict === undefined) throw new Error('the store answered fewer verdicts than it was asked for');
      if (verdict.kind === 'fenced' && save.wait !== null) {
        end.locked(save, save.wait);
      } else if (verdict.kind === 'fenced') {
        observer.lockLost();
        save.holdLock(null);
        end.retry(save, 'store-unavailable', 'the lock was lost to another instance');
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
  return sent.length;
}

async function lockBatch(
  batch: readonly PendingSave[],
  deps: CommitDeps,
  options: CommitOptions,
  end: RoundEnd,
): Promise<void> {
  const { locks, clock, probe } = deps;
  const usableUntilMs = clock.nowMs() + options.lockMarginMs;
  const unlocked = new Map<string, PendingSave>();
  for (const save of batch) {
    if (save.wait !== null) continue;
    if (save.grant !== null && save.grant.validUntilMs >= usableUntilMs) continue;
    // A release goes out before the acquire, on the same connection, so that we are not locked out by ourselves.
    save.holdLock(null);
    unlocked.set(save.key.hex, save);
  }
  if (unlocked.size === 0) return;
  if (probe !== undefined) await probe('before-lock');
  const result = await locks.acquire([...unlocked.values()].map((save) => save.key));
  if (result.kind === 'unavailable') {
    // A full store refuses the lock first, and waiting does not make it less full.
    for (const save of unlocked.values()) {
      if (result.failure === 'storage-full') refuse(save, result.failure, result.detail, end);
      else end.retry(save, result.failure, result.detail);
    }
    return;
  }
  for (const grant of result.grants) {
    const lock = new HeldLock(grant, deps);
    for (const key of grant.keys) unlocked.get(key.hex)?.holdLock(lock);
  }
  for (const held of result.contended) {
    const save = unlocked.get(held.key.hex);
    if (save !== undefined) save.wait = new LockWait(held, deps, options);
  }
}

/** Final, unless an earlier round may have saved it: then "refused" would say too much. */
function refuse(save: PendingSave, failure: FailureCode, detail: string, end: RoundEnd): void {
  end.done(save);
  save.fail(new ServiceFailure(save.uncertain ? 'not-replicated' : failure, detail));
}
