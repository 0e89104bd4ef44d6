// One round of the save path for a batch: lock what is not locked yet, commit, hand each content its verdict, release.
import { type FailureCode, ServiceFailure } from './errors.ts';
import { HeldLock } from './held-lock.ts';
import { formatItemId } from './item.ts';
import type { PendingSave } from './pending-save.ts';
import type { Clock, ContentLocks, ItemStore, LockedElsewhere, LockGrant } from './ports.ts';

type CommitDeps = {
  readonly store: ItemStore;
  readonly locks: ContentLocks;
  readonly clock: Clock;
  readonly observer: { lockLost(): void };
};

/** What happens to a content after a round; exactly one of them is called for each. */
export type RoundEnd = {
  done(save: PendingSave): void;
  retry(save: PendingSave, failure: FailureCode, detail: string): void;
  contended(save: PendingSave, locked: LockedElsewhere): void;
  /** Decided, but some requests came too late to have their claims in this round. The lock is kept for the next one. */
  again(save: PendingSave): void;
};

type Locked = { readonly save: PendingSave; readonly grant: LockGrant };

/** Runs one round and returns how many contents were sent to the store. */
export async function commitBatch(
  batch: readonly PendingSave[],
  { store, locks, clock, observer }: CommitDeps,
  lockMarginMs: number,
  end: RoundEnd,
): Promise<number> {
  const locked = await lockBatch(batch, locks, clock, lockMarginMs, end);
  if (locked.length === 0) return 0;
  const result = await store.commit(locked.map(({ save, grant }) => save.command(grant.token)));
  locked.forEach(({ save }, i) => {
    if (result.kind === 'unknown') {
      // The lock is kept for the next round: giving it up would let another instance in between two of our attempts.
      save.uncertain = true;
      end.retry(save, result.failure, result.detail);
    } else if (result.kind === 'refused') {
      refuse(save, result.failure, result.detail, end);
    } else {
      const verdict = result.verdicts[i];
      if (verdict === undefined) throw new Error('the store answered fewer verdicts than it was asked for');
      if (verdict.kind === 'fenced') {
        observer.lockLost();
        save.holdLock(null);
        end.retry(save, 'store-unavailable', 'the lock was lost to another instance');
      } else if (verdict.kind === 'damaged') {
        end.done(save);
        save.fail(new Error(`the index names item ${formatItemId(verdict.position)}, which the log does not have`));
      } else if (save.settle(verdict)) {
        end.again(save);
      } else {
        end.done(save);
      }
    }
  });
  return locked.length;
}

async function lockBatch(
  batch: readonly PendingSave[],
  locks: ContentLocks,
  clock: Clock,
  lockMarginMs: number,
  end: RoundEnd,
): Promise<Locked[]> {
  const usableUntilMs = clock.nowMs() + lockMarginMs;
  const unlocked = new Map<string, PendingSave>();
  for (const save of batch) {
    if (save.grant !== null && save.grant.validUntilMs >= usableUntilMs) continue;
    // A release goes out before the acquire, on the same connection, so that we are not locked out by ourselves.
    save.holdLock(null);
    unlocked.set(save.key.hex, save);
  }
  if (unlocked.size > 0) {
    const result = await locks.acquire([...unlocked.values()].map((save) => save.key));
    if (result.kind === 'unavailable') {
      // A full store refuses the lock first, and waiting does not make it less full.
      for (const save of unlocked.values()) {
        if (result.failure === 'storage-full') refuse(save, result.failure, result.detail, end);
        else end.retry(save, result.failure, result.detail);
      }
    } else {
      for (const grant of result.grants) {
        const lock = new HeldLock(grant, locks);
        for (const key of grant.keys) unlocked.get(key.hex)?.holdLock(lock);
      }
      for (const held of result.contended) {
        const save = unlocked.get(held.key.hex);
        if (save !== undefined) end.contended(save, held);
      }
    }
  }
  return batch.flatMap((save) => (save.grant === null ? [] : [{ save, grant: save.grant }]));
}

/** Final, unless an earlier round may have saved it: then "refused" would say too much. */
function refuse(save: PendingSave, failure: FailureCode, detail: string, end: RoundEnd): void {
  end.done(save);
  save.fail(new ServiceFailure(save.uncertain ? 'not-replicated' : failure, detail));
}
