// Saves that wait for the next commit, and how many of them it takes.
import type { PendingSave } from './pending-save.ts';

// Bounds how long one script blocks Redis: 500 contents of 100 bytes took 5 ms, of 1 or 2 KB 9 to 11 ms (Redis 7.0).
const MAX_BATCH_ITEMS = 500;
const MAX_BATCH_BYTES = 1_048_576;

export class Gathering {
  readonly #saves: PendingSave[] = [];

  add(save: PendingSave): void {
    this.#saves.push(save);
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
    this.#saves.splice(0, taken);
    return batch;
  }
}
