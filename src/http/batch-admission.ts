// How much of an instance requests for many items may take at a time, and how it is shared among them.
import { ServiceFailure } from '../items/errors.ts';
import type { WindowLimits } from '../items/ordered-window.ts';
import { MAX_BATCH_BODIES_BYTES, MAX_BATCH_ITEMS, MAX_STREAM_WINDOW_BYTES, MAX_STREAMS } from './limits.ts';

// Two commits of the largest size (500): one under way, the next one gathered. Twice as many took 245 MB
// instead of 224 for 1.07 GB in lines of 1 KB, and as much CPU for each line (53 µs).
const MAX_WINDOW_LINES = 1_000;

export class BatchAdmission {
  /** How many items of one JSON batch are saved at a time. */
  readonly batchWindow: number;
  readonly #streamShare: number;
  #bodyBytes = 0;
  #streams = 0;
  #limits: WindowLimits = { count: 1, bytes: 1 };

  /** Of the places in the save queue, streams take half at most and one batch an eighth, so that no other request is refused for them. */
  constructor(maxPendingSaves: number) {
    this.batchWindow = Math.min(MAX_BATCH_ITEMS, Math.max(1, Math.floor(maxPendingSaves / 8)));
    this.#streamShare = maxPendingSaves / 2;
  }

  /** What one of the streams may hold now. */
  get streamLimits(): WindowLimits {
    return this.#limits;
  }

  /** Lets a JSON body of this size in, until the function that it returns is called. Throws `overloaded`. */
  admitBody(bytes: number): () => void {
    if (this.#bodyBytes + bytes > MAX_BATCH_BODIES_BYTES) {
      throw new ServiceFailure('overloaded', 'too many batches are being read');
    }
    this.#bodyBytes += bytes;
    return once(() => (this.#bodyBytes -= bytes));
  }

  /** Lets a stream in, until the function that it returns is called. Throws `overloaded`. */
  admitStream(): () => void {
    if (this.#streams === MAX_STREAMS) throw new ServiceFailure('overloaded', 'too many streams are open');
    this.#share(this.#streams + 1);
    return once(() => this.#share(this.#streams - 1));
  }

  #share(streams: number): void {
    this.#streams = streams;
    const among = Math.max(1, streams);
    this.#limits = {
      count: Math.min(MAX_WINDOW_LINES, Math.max(1, Math.floor(this.#streamShare / among))),
      bytes: Math.floor(MAX_STREAM_WINDOW_BYTES / among),
    };
  }
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}
