// What the domain needs from the outside, in its own words; redis/ implements it.
import type { Content, ContentKey } from './content.ts';
import type { FailureCode } from './errors.ts';
import type { ItemPosition, Item } from './item.ts';

/** One request's claim to a content. The first valid one in a command saves it, if nobody has. */
export type Claim = {
  /** See `requestToken`. */
  readonly token: string;
  /** Whether the token stands for a client's idempotency key, whose reuse for another content must be noticed. */
  readonly isIdempotencyKey: boolean;
  readonly source: string;
  /** How many requests with this token wait for the decision, for the counts. */
  readonly requests: number;
};

/** One content to be decided by the store, with at least one claim. */
export type SaveCommand = {
  readonly key: ContentKey;
  readonly content: Content;
  readonly claims: readonly Claim[];
  /** How many further requests, with tokens of their own, one of the claims speaks for. They did not save it. */
  readonly others: number;
  /** The fencing token: the value of the lock under which this save runs. */
  readonly lockToken: string;
};

/** What the store decided about one content. */
export type Verdict =
  | {
      /** `known`: it was saved earlier. */
      readonly kind: 'saved' | 'known';
      readonly position: ItemPosition;
      /** Of the claim that saved it, now or earlier. */
      readonly source: string;
      readonly token: string;
      /** The tokens among the claims whose idempotency key was used for another content. */
      readonly reused: readonly string[];
      /** Those whose idempotency key is new, and which the store has no room to remember: they are not answered. */
      readonly unrecorded: readonly string[];
    }
  /** Every claim's idempotency key was used for another content, so nobody saved this one. */
  | { readonly kind: 'key_reused' }
  /** Not known yet, and `holder` has the lock; nothing was saved. */
  | { readonly kind: 'fenced'; readonly holder: string }
  /** The index names an item that the log does not have: somebody changed the data by hand. */
  | { readonly kind: 'damaged'; readonly position: ItemPosition }
  /** Not known, and the store has no room for it. Nothing was saved. */
  | { readonly kind: 'full' };

/**
 * `confirmed`: decided, and every replica that must have it has it. `unknown`: some or all of it may have happened or
 * may still happen; the same commands with the same tokens may be sent again.
 */
export type CommitResult =
  | { readonly kind: 'confirmed'; readonly verdicts: readonly Verdict[] }
  | { readonly kind: 'unknown'; readonly failure: FailureCode; readonly detail: string };

/** Requests that were told that their content is saved already, by themselves (`replayed`) or by others. */
export type AnswerCounts = { readonly duplicates: number; readonly replayed: number };

/** A page of items and, for each partition, where the next page begins; null when nothing is left. */
export type ItemPage = { readonly items: readonly Item[]; readonly next: ListCursor | null };
export type ListOrder = 'asc' | 'desc';

/** How far a listing has come: the last stream id read of each partition, null where none was. */
export type ListCursor = { readonly order: ListOrder; readonly positions: readonly (StreamPosition | null)[] };
export type StreamPosition = Pick<ItemPosition, 'ms' | 'seq'>;

export interface ItemStore {
  /** Decides all commands atomically and confirms the result. Contents within one call must differ. Never throws for a fault of the store. */
  commit(commands: readonly SaveCommand[]): Promise<CommitResult>;
  /** The item with this id, or null. Throws `ServiceFailure` when the store cannot be asked. */
  find(position: ItemPosition): Promise<Item | null>;
  /** The item that has this content, or null. Throws `ServiceFailure` when the store cannot be asked. */
  lookup(key: ContentKey): Promise<Item | null>;
  /**
   * Up to `limit` items in the order of their ids, after the cursor; none, and nothing is read, when `isWanted` denies it as
   * its turn comes. Throws `ServiceFailure` when the store cannot be asked.
   */
  list(cursor: ListCursor | ListOrder, limit: number, isWanted?: () => boolean): Promise<ItemPage>;
}

/** `absent`: there was no such item, or somebody else had erased it. */
export type EraseOutcome = 'erased' | 'absent';

export interface ItemErasure {
  /**
   * Erases the item with this id, so that its content can be saved anew, and confirms that like a save; so is `absent`.
   * Throws `ServiceFailure` when it cannot be confirmed by the deadline: then it may or may not be erased, and the same
   * call may be made again.
   */
  erase(position: ItemPosition): Promise<EraseOutcome>;
}

/** How many there were since the beginning, and `stored`: how many items there are now. */
export type ItemCounts = {
  /** Contents that were saved. */
  readonly saved: number;
  /** Requests that posted a content which was saved already. */
  readonly duplicates: number;
  /** Requests that posted again what they had saved themselves. */
  readonly replayed: number;
  readonly deleted: number;
  readonly stored: number;
};

export interface ItemCounter {
  /** Partitions are counted one after the other, while others save. Throws `ServiceFailure` when the store cannot be asked. */
  counts(): Promise<ItemCounts>;
}

export interface AnswerTally {
  /** Counts answers about a content that no command has counted. They are written a moment later; nobody waits for it. */
  add(key: ContentKey, answers: AnswerCounts): void;
}

/** A lock held on some contents. `validUntilMs` is on the monotonic clock. */
export type LockGrant = {
  readonly token: string;
  readonly keys: readonly ContentKey[];
  readonly validUntilMs: number;
};

/** A lock that was asked for. The token is known at once; the answer is null when it was not granted, and never fails. */
export type LockRequest = { readonly token: string; readonly answer: Promise<LockGrant | null> };

/** Somebody else's lock and an unreachable store are different things: the first is waited for, the second is retried. */
export type LockResult =
  | { readonly kind: 'granted'; readonly grant: LockGrant }
  | { readonly kind: 'held'; readonly holder: string }
  | { readonly kind: 'unavailable'; readonly failure: FailureCode; readonly detail: string };

export interface ContentLocks {
  /**
   * Asks for all of these contents or none. A commit that is sent in the same turn reaches the store behind it and need
   * not wait for the answer: the store refuses it what somebody else holds, lock or no lock.
   */
  ask(keys: readonly ContentKey[]): LockRequest;
  /** Tries once for one content, beside commits. Never throws for a fault of the store. */
  acquire(key: ContentKey): Promise<LockResult>;
  /** Takes the lock away from a holder, if it still is the holder. Safe, because the store fences the old holder. */
  breakLock(key: ContentKey, holder: string): Promise<void>;
  /** Gives locks back. Never throws: what cannot be released expires. */
  release(grant: LockGrant): Promise<void>;
}

/** Time as the domain sees it: monotonic, in milliseconds, replaceable in tests. */
export type Clock = {
  nowMs(): number;
  delay(ms: number): Promise<void>;
  /** Calls back, without any time passing, when whatever has arrived by now is handled. */
  afterArrivals(work: () => void): void;
};
