// The feed of saved items as its consumers see it; redis/ implements it.
import type { Item } from './item.ts';
import type { ListCursor } from './ports.ts';

/** `latest`: what is saved from now on. */
export type FeedStart = ListCursor | 'beginning' | 'latest';

/** An item, and the cursor with which to go on behind it. */
export type FeedEvent = { readonly item: Item; readonly cursor: ListCursor };

/**
 * Delivers every item behind its start once, those of a partition in the order in which they were saved, and only those
 * that are acknowledged or could be. An item that is erased before it is read is left out.
 */
export interface FeedReader {
  /** Where it begins, for who has to go on before anything was delivered. */
  readonly start: ListCursor;
  /**
   * The next items; empty when there were none for `waitMs`, and null when the feed has ended. One call at a time. Never
   * throws for a fault of the store: it waits until that is over.
   */
  next(waitMs: number): Promise<readonly FeedEvent[] | null>;
  /** Ends it; a call that is waiting returns null. */
  close(): void;
}

export interface ItemFeed {
  /**
   * Begins to read. Throws `ServiceFailure` when the feed is closed, and for `latest`, which has to ask the store where
   * that is, when it cannot be asked.
   */
  open(from: FeedStart): Promise<FeedReader>;
  /** Ends all readers; from then on there are no new ones. */
  close(): void;
}
