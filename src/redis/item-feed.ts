// The feed over the logs in Redis: where each reader stands, and what it gets next.
import { ServiceFailure } from '../items/errors.ts';
import type { FeedEvent, FeedReader, FeedStart, ItemFeed } from '../items/feed.ts';
import type { ListCursor, StreamPosition } from '../items/ports.ts';
import { ENTRIES_PER_READ, type FeedHorizon, type Horizon } from './feed-horizon.ts';
import { itemOf, positionOf } from './stream-entry.ts';

/** A read that failed without the connection being lost, as while Redis loads its data. */
const RETRY_DELAY_MS = 100;

export class RedisItemFeed implements ItemFeed {
  readonly #horizon: FeedHorizon;
  readonly #partitions: number;
  /** How long it may take to find out where `latest` is. */
  readonly #deadlineMs: number;
  readonly #readers = new Set<FeedReader>();
  readonly #closing = new AbortController();

  constructor(horizon: FeedHorizon, partitions: number, deadlineMs: number) {
    this.#horizon = horizon;
    this.#partitions = partitions;
    this.#deadlineMs = deadlineMs;
  }

  async open(from: FeedStart): Promise<FeedReader> {
    this.#horizon.use();
    try {
      const positions = await this.#positionsOf(from);
      if (this.#closing.signal.aborted) throw closed();
      const reader = new Reader(this.#horizon, positions, () => {
        if (this.#readers.delete(reader)) this.#horizon.release();
      });
      this.#readers.add(reader);
      return reader;
    } catch (error) {
      this.#horizon.release();
      throw error;
    }
  }

  close(): void {
    this.#closing.abort();
    for (const reader of this.#readers) reader.close();
  }

  async #positionsOf(from: FeedStart): Promise<ListCursor['positions']> {
    if (from === 'beginning') return Array.from({ length: this.#partitions }, () => null);
    if (from !== 'latest') return from.positions;
    const { signal } = this.#closing;
    const horizon = await this.#horizon.fresh(this.#deadlineMs, signal);
    if (horizon !== null) return horizon.tails;
    throw signal.aborted
      ? closed()
      : new ServiceFailure('store-unavailable', 'nothing could be confirmed for the feed');
  }
}

const closed = () => new ServiceFailure('draining', 'the feed is closed');

class Reader implements FeedReader {
  readonly start: ListCursor;
  readonly #horizon: FeedHorizon;
  readonly #onClose: () => void;
  #positions: readonly (StreamPosition | null)[];
  #lastPartition = -1;
  #isClosed = false;

  constructor(horizon: FeedHorizon, positions: readonly (StreamPosition | null)[], onClose: () => void) {
    this.start = { order: 'asc', positions };
    this.#horizon = horizon;
    this.#positions = positions;
    this.#onClose = onClose;
  }

  async next(waitMs: number): Promise<readonly FeedEvent[] | null> {
    const untilMs = performance.now() + waitMs;
    while (!this.#isClosed) {
      const horizon = this.#horizon.current;
      const partition = horizon === null ? null : this.#partitionBehind(horizon);
      let pauseMs = untilMs - performance.now();
      if (horizon !== null && partition !== null) {
        const events = await this.#read(horizon, partition);
        if (events === null) pauseMs = Math.min(pauseMs, RETRY_DELAY_MS);
        else if (events.length === 0) continue;
        else return this.#isClosed ? null : events;
      }
      if (pauseMs <= 0) return [];
      await this.#horizon.change(pauseMs);
    }
    return null;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose();
    this.#horizon.wake();
  }

  /** The next one, in turns, of which there is something to read: one that is far behind must not hold up the others. */
  #partitionBehind({ tails }: Horizon): number | null {
    for (let step = 1; step <= tails.length; step++) {
      const partition = (this.#lastPartition + step) % tails.length;
      if (isBefore(this.#positions[partition] ?? null, tails[partition] ?? null)) return partition;
    }
    return null;
  }

  async #read(horizon: Horizon, partition: number): Promise<FeedEvent[] | null> {
    const entries = await this.#horizon.read(horizon, partition, this.#positions[partition] ?? null);
    if (entries === null) return null;
    this.#lastPartition = partition;
    const events = entries.map((entry): FeedEvent => {
      this.#positions = this.#positions.with(partition, positionOf(entry[0], partition));
      return { item: itemOf(entry, partition), cursor: { order: 'asc', positions: this.#positions } };
    });
    // What is missing up to the horizon was erased.
    if (entries.length < ENTRIES_PER_READ) {
      this.#positions = this.#positions.with(partition, horizon.tails[partition] ?? null);
    }
    return events;
  }
}

function isBefore(a: StreamPosition | null, b: StreamPosition | null): boolean {
  return b !== null && (a === null || a.ms < b.ms || (a.ms === b.ms && a.seq < b.seq));
}
