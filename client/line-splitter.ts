// Cuts bytes into lines, however they are divided into chunks.

export type Line = {
  /** Without the line feed. Only the beginning when the line is longer than allowed. */
  readonly bytes: Uint8Array;
  /** How many bytes it takes where it comes from, with its line feed. */
  readonly sizeBytes: number;
  readonly isTooLong: boolean;
};

const LINE_FEED = 10;

/** Holds at most `maxBytes` of one line: of a longer one it keeps the beginning and passes over the rest. */
export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #keptBytes = 0;
  #sizeBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that end in this chunk. They may share its memory. */
  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      if (end === -1) break;
      this.#keep(chunk.subarray(start, end));
      lines.push(this.#take(1));
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  /** What stands behind the last line feed, or null. */
  end(): Line | null {
    return this.#sizeBytes === 0 ? null : this.#take(0);
  }

  #keep(part: Uint8Array): void {
    this.#sizeBytes += part.length;
    const kept = part.subarray(0, Math.max(0, this.#maxBytes - this.#keptBytes));
    this.#keptBytes += kept.length;
    if (kept.length > 0) this.#parts.push(kept);
  }

  #take(feedBytes: number): Line {
    const line = {
      bytes: joined(this.#parts, this.#keptBytes),
      sizeBytes: this.#sizeBytes + feedBytes,
      isTooLong: this.#sizeBytes > this.#maxBytes,
    };
    this.#parts = [];
    this.#keptBytes = 0;
    this.#sizeBytes = 0;
    return line;
  }
}

/** One array with all parts; the part itself when it is the only one. */
export function joined(parts: readonly Uint8Array[], totalBytes: number): Uint8Array {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const whole = new Uint8Array(totalBytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
