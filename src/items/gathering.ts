// Saves that wait for the next commit, how many of them it takes, and how long the last of them waits.
import type { PendingSave } from './pending-save.ts';

// Bounds how long one script blocks Redis: 500 contents of 100 bytes took 5 ms, of 1 or 2 KB 9 to 11 ms (Redis 7.0).
const MAX_BATCH_ITEMS = 500;
const MAX_BATCH_BYTES = 1_048_576;
/** What the newest commit counts among those before it, so that one slow commit does not turn saves away. */
const NEWEST_COUNTS = 0.25;

export class Gathering {
  readonly #saves: PendingSave[] = [];
  #bytes = 0;
  #commitMs: number | null = null;

  /**
   * How long a save that is added now waits for its commit at least, as far as can be told: full batches in front of it,
   * at the pace of late. 0 while there is less than one, however slow the store is.
   */
  get waitMs(): number {
    const batches = Math.max(this.#saves.length / MAX_BATCH_ITEMS, this.#bytes / MAX_BATCH_BYTES);
    return Math.floor(batches) * (this.#commitMs ?? 0);
  }

  add(save: PendingSave): void {
    this.#saves.push(save);
    this.#bytes += save.contentBytes;
  }

  /** Only of commits that were confirmed: those that fail during a failover say nothing of how it goes on behind it. */
  confirmed(durationMs: number): void {
    this.#commitMs ??= durationMs;
    this.#commitMs += NEWEST_COUNTS * (durationMs - this.#commitMs);
  }

  /** Takes the saves of the next commit, in order; those that nobody waits for any more go to `expired` instead. */
  takeBatch(nowMs: number, expired: (save: PendingSave) => void): PendingSave[] {
    const batch: PendingSave[] = [];
    let bytes = 0;
    let taken = 0;
    for (const save of this.#saves) {
      // Behind a store that answers slowly a save can wait here for longer than its client does.
      if (save.expire(nowMs)) {
        expired(save);
      } else {
        bytes += save.contentBytes;
        if (batch.length === MAX_BATCH_ITEMS || (batch.length > 0 && bytes > MAX_BATCH_BYTES)) break;
        batch.push(save);
      }
      taken++;
    }
    for (const { contentBytes } of this.#saves.splice(0, taken)) this.#bytes -= contentBytes;
    return batch;
  }
}
