// Cuts a body of lines that arrives in pieces into its lines, and holds no more than one of them.

/** A line without its end, or null in place of one that is longer than the limit and was skipped unread. */
export type Line = Buffer | null;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const MAX_PARTS = 64;

/**
 * Lines end with a line feed, with or without a carriage return before it; the last one may end with the body. Behind
 * the last line feed there is no line.
 */
export class NdjsonLines {
  readonly #maxBytes: number;
  #piece: Buffer = Buffer.alloc(0);
  /** The beginning of a line whose end has not arrived. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  #hasEnded = false;

  /** `maxBytes` is the limit of a line without its end. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds a piece of the body. To be called when `next` has said that nothing is left. */
  push(piece: Buffer): void {
    this.#piece = piece;
  }

  /** Says that the body has ended. */
  end(): void {
    this.#hasEnded = true;
  }

  /** The next line, or undefined when more has to arrive first or the body is over. */
  next(): Line | undefined {
    const end = this.#piece.indexOf(LINE_FEED);
    if (end >= 0) {
      const line = this.#join(this.#piece.subarray(0, end));
      this.#piece = this.#piece.subarray(end + 1);
      return line;
    }
    if (this.#piece.length > 0) {
      this.#keep(this.#piece);
      this.#piece = Buffer.alloc(0);
    }
    return this.#hasEnded && this.#partBytes > 0 ? this.#join(this.#piece) : undefined;
  }

  #join(last: Buffer): Line {
    const bytes = this.#partBytes + last.length;
    const parts = this.#parts;
    this.#parts = [];
    this.#partBytes = 0;
    // One byte more: the carriage return does not count.
    if (bytes > this.#maxBytes + 1) return null;
    const whole = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    const line = whole.at(-1) === CARRIAGE_RETURN ? whole.subarray(0, -1) : whole;
    return line.length > this.#maxBytes ? null : line;
  }

  #keep(part: Buffer): void {
    this.#partBytes += part.length;
    // Of a line that is too long only its length matters any more.
    if (this.#partBytes > this.#maxBytes + 1) this.#parts = [];
    // A copy: a part of a piece would keep the whole piece in memory.
    else this.#parts.push(Buffer.from(part));
    // A client that sends byte by byte would have us hold an object for each.
    if (this.#parts.length === MAX_PARTS) this.#parts = [Buffer.concat(this.#parts)];
  }
}
