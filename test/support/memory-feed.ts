// A feed in memory: the test says what is there to be read.
import type { FeedEvent, FeedReader, FeedStart, ItemFeed } from '../../src/items/feed.ts';
import type { ListCursor } from '../../src/items/ports.ts';

export const FEED_TIMES = { heartbeatMs: 15_000, stallMs: 60_000, retryMs: 1_000, drainRetryMs: 3_000 };

export class MemoryFeed implements ItemFeed {
  /** Where each consumer began. */
  readonly opened: FeedStart[] = [];
  readonly readers = new Set<MemoryReader>();
  /** Replaces what happens when somebody opens it. */
  onOpen: () => Promise<void> = async () => {};
  readonly #start: ListCursor;

  constructor(partitions: number) {
    this.#start = { order: 'asc', positions: Array.from({ length: partitions }, () => null) };
  }

  async open(from: FeedStart): Promise<FeedReader> {
    this.opened.push(from);
    await this.onOpen();
    const reader = new MemoryReader(typeof from === 'string' ? this.#start : from, () => this.readers.delete(reader));
    this.readers.add(reader);
    return reader;
  }

  close(): void {
    for (const reader of this.readers) reader.close();
  }
}

class MemoryReader implements FeedReader {
  readonly start: ListCursor;
  /** How often it was asked for more. */
  asked = 0;
  readonly #onClose: () => void;
  readonly #batches: (readonly FeedEvent[])[] = [];
  #isClosed = false;
  #wake = () => {};

  constructor(start: ListCursor, onClose: () => void) {
    this.start = start;
    this.#onClose = onClose;
  }

  /** Has this delivered, or with nothing in it the time to wait come to its end. */
  push(...events: readonly FeedEvent[]): void {
    this.#batches.push(events);
    this.#wake();
  }

  async next(): Promise<readonly FeedEvent[] | null> {
    this.asked++;
    while (!this.#isClosed) {
      const batch = this.#batches.shift();
      if (batch !== undefined) return batch;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return null;
  }

  close(): void {
    this.#isClosed = true;
    this.#onClose();
    this.#wake();
  }
}
