// Answers in the order of their questions, whatever the order in which they become known; bounded by count and bytes.

/** How much may wait for its answer at a time. */
export type WindowLimits = { readonly count: number; readonly bytes: number };

/** The place of one answer. */
export type Slot<T> = { answer: T | undefined; readonly bytes: number };

// Taken slots are cut off the front in one go: doing it one by one costs as much again for each slot behind.
const COMPACT_AT = 1_024;

export class OrderedWindow<T> {
  #slots: Slot<T>[] = [];
  #head = 0;
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#head === this.#slots.length;
  }

  /** Whether another question fits. A window that is empty has room for one of any size. */
  hasRoom({ count, bytes }: WindowLimits): boolean {
    return this.isEmpty || (this.#slots.length - this.#head < count && this.#bytes < bytes);
  }

  /** Takes the next place for an answer; `bytes` is what the question holds in memory until it is answered. */
  reserve(bytes: number): Slot<T> {
    const slot: Slot<T> = { answer: undefined, bytes };
    this.#slots.push(slot);
    this.#bytes += bytes;
    return slot;
  }

  /** Whether the next answer in order is known. */
  get isReady(): boolean {
    return this.#slots[this.#head]?.answer !== undefined;
  }

  /** Takes the next answer in order, or undefined while it is not known. */
  take(): T | undefined {
    const slot = this.#slots[this.#head];
    if (slot?.answer === undefined) return undefined;
    this.#bytes -= slot.bytes;
    this.#head++;
    if (this.#head >= COMPACT_AT || this.isEmpty) {
      this.#slots.splice(0, this.#head);
      this.#head = 0;
    }
    return slot.answer;
  }
}
