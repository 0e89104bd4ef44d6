// The lines that are read from their source and not answered yet: a bounded number, filled as answers make room.

/**
 * A line to be sent, or with `bytes` null one that only keeps its place among the results. `heldBytes`: what such a line
 * takes in memory all the same.
 */
export type OutLine<T> = { readonly bytes: Uint8Array | null; readonly heldBytes?: number; readonly tag: T };
export type Numbered<T> = OutLine<T> & { readonly number: number };

export type WindowLimits = { readonly maxLines: number; readonly maxBytes: number };

export class LineWindow<T> {
  readonly #limits: WindowLimits;
  readonly #source: AsyncIterator<OutLine<T>>;
  #lines: Numbered<T>[] = [];
  #bytes = 0;
  #nextNumber: number;
  #isStopped = false;
  #isAtEnd = false;
  #error: { readonly reason: unknown } | null = null;
  #changed: PromiseWithResolvers<void> | null = null;

  /** Begins to read the source. `first` is the number of its first line. */
  constructor(source: AsyncIterable<OutLine<T>>, first: number, limits: WindowLimits) {
    this.#limits = limits;
    this.#nextNumber = first;
    this.#source = source[Symbol.asyncIterator]();
    void this.#fill();
  }

  /** Oldest first. */
  get lines(): readonly Numbered<T>[] {
    return this.#lines;
  }

  /** Whether nothing will be added: the source has ended, or failed. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Throws what the source has thrown. */
  throwIfFailed(): void {
    if (this.#error !== null) throw this.#error.reason;
  }

  /** Resolves at the next change: a line more or less, the end, a stop, a call of `wake`. */
  async change(): Promise<void> {
    this.#changed ??= Promise.withResolvers();
    await this.#changed.promise;
  }

  /** Wakes whoever waits for a change. */
  wake(): void {
    this.#changed?.resolve();
    this.#changed = null;
  }

  /** Takes the oldest line out. */
  shift(): Numbered<T> | undefined {
    const line = this.#lines.shift();
    this.#bytes -= line === undefined ? 0 : sizeOf(line);
    this.wake();
    return line;
  }

  /** Reads no further. Does not wait for a source that is in the middle of a read. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.wake();
    void Promise.resolve(this.#source.return?.()).catch(() => {});
  }

  get #isFull(): boolean {
    return this.#lines.length >= this.#limits.maxLines || this.#bytes >= this.#limits.maxBytes;
  }

  async #fill(): Promise<void> {
    try {
      while (!this.#isStopped) {
        if (this.#isFull) {
          await this.change();
          continue;
        }
        const { done, value } = await this.#source.next();
        if (done === true) break;
        const number = value.bytes === null ? this.#nextNumber : this.#nextNumber++;
        this.#lines.push({ ...value, number });
        this.#bytes += sizeOf(value);
        this.wake();
      }
    } catch (reason) {
      this.#error = { reason };
    }
    this.#isAtEnd = true;
    this.wake();
  }
}

const sizeOf = ({ bytes, heldBytes = 0 }: OutLine<unknown>): number => bytes?.length ?? heldBytes;
