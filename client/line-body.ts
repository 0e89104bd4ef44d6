// The body of one NDJSON request: the lines of a window as far as they are not sent, and those that come.
import { joined } from './line-splitter.ts';
import type { LineWindow, OutLine } from './line-window.ts';

/** A chunk of the body; more would only wait in a buffer of the system. */
const CHUNK_BYTES = 65_536;
const LINE_FEED = new Uint8Array([10]);

export class LineBody {
  readonly #window: LineWindow<unknown>;
  /** How many lines at the head of the window are behind us, and how many of them are sent and not answered. */
  #passed = 0;
  #owed = 0;
  #isOver = false;

  constructor(window: LineWindow<unknown>) {
    this.#window = window;
  }

  /** How many results are owed to us. */
  get owed(): number {
    return this.#owed;
  }

  /** To be told of each line that leaves the window. */
  shifted(line: OutLine<unknown> | undefined): void {
    if (this.#passed === 0) return;
    this.#passed--;
    if (line?.bytes != null) this.#owed--;
  }

  /** Ends the body. Node goes on to pull from one whose connection is gone. */
  end(): void {
    this.#isOver = true;
    this.#window.wake();
  }

  /** What is there now, all of it: for a runtime that sends a whole body before it reads an answer. */
  async whole(): Promise<Uint8Array<ArrayBuffer>> {
    await this.#gather();
    const parts: Uint8Array[] = [];
    let part;
    while ((part = this.#take()) !== null) parts.push(part);
    return joined(
      parts,
      parts.reduce((sum, { length }) => sum + length, 0),
    ) as Uint8Array<ArrayBuffer>;
  }

  /** A stream that takes lines as fast as the connection takes bytes. */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          for (;;) {
            const chunk = this.#isOver ? null : this.#take();
            if (chunk !== null) return controller.enqueue(chunk);
            // A window of nothing but lines that are not sent waits for us to be out of the way.
            const isStuck = this.#owed === 0 && this.#window.lines.length > 0;
            if (this.#isOver || this.#window.isAtEnd || isStuck) return controller.close();
            await this.#window.change();
            await this.#gather();
          }
        },
        cancel: () => this.end(),
      },
      { highWaterMark: 0 },
    );
  }

  /** Lets the source run for a moment, so that lines that come at once leave in one chunk and not one by one. */
  async #gather(): Promise<void> {
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }

  #take(): Uint8Array | null {
    const { lines } = this.#window;
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for (; this.#passed < lines.length && bytes < CHUNK_BYTES; this.#passed++) {
      const line = lines[this.#passed]?.bytes ?? null;
      if (line === null) continue;
      this.#owed++;
      parts.push(line, LINE_FEED);
      bytes += line.length + 1;
    }
    return bytes === 0 ? null : joined(parts, bytes);
  }
}
