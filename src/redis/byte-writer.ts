// Packs numbers and texts into one argument, as struct.unpack reads them in a Lua script.

const BYTES_PER_UNIT = 3;

/** Writes one value behind the other, and grows as it must. Throws a RangeError for a number that does not fit. */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  /** `expectedBytes` saves copies when that is what will be written. */
  constructor(expectedBytes: number) {
    this.#buffer = Buffer.allocUnsafe(expectedBytes);
  }

  /** What was written so far; not a copy. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** `B` in the format of struct. */
  byte(value: number): void {
    this.#makeRoomFor(1);
    this.#length = this.#buffer.writeUInt8(value, this.#length);
  }

  /** `>I4`. */
  uint32(value: number): void {
    this.#makeRoomFor(4);
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
  }

  /** `c` and the number of bytes. */
  raw(value: Uint8Array): void {
    this.#makeRoomFor(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** `Bc0`: up to 255 bytes in UTF-8. */
  shortText(value: string): void {
    this.#makeRoomFor(1 + value.length * BYTES_PER_UNIT);
    const bytes = this.#buffer.write(value, this.#length + 1);
    this.#buffer.writeUInt8(bytes, this.#length);
    this.#length += 1 + bytes;
  }

  /** `>I4c0`: a text of any length. */
  text(value: string): void {
    this.#makeRoomFor(4 + value.length * BYTES_PER_UNIT);
    const bytes = this.#buffer.write(value, this.#length + 4);
    this.#buffer.writeUInt32BE(bytes, this.#length);
    this.#length += 4 + bytes;
  }

  #makeRoomFor(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const bigger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(bigger, 0, 0, this.#length);
    this.#buffer = bigger;
  }
}
