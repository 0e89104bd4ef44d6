// The file of lines that an import could not save: which, why, and what they were.
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { ProblemDetail } from '../contract.ts';
import type { LineTag } from './import-lines.ts';

/** More than that is not kept in memory between two states. */
const MAX_BUFFERED_BYTES = 1_048_576;

type Failure = { readonly code: string; readonly detail: string; readonly errors?: readonly ProblemDetail[] };

export class FailedLines {
  readonly path: string;
  #file: FileHandle | null;
  #buffered: Buffer[] = [];
  #bufferedBytes = 0;
  #bytes: number;

  /** Keeps the beginning that belongs to lines an earlier run has counted; the rest will fail again. */
  static async open(path: string, keptBytes: number): Promise<FailedLines> {
    if (keptBytes === 0) {
      await rm(path, { force: true });
      return new FailedLines(path, null, 0);
    }
    const file = await open(path, 'r+');
    await file.truncate(keptBytes);
    return new FailedLines(path, file, keptBytes);
  }

  private constructor(path: string, file: FileHandle | null, bytes: number) {
    this.path = path;
    this.#file = file;
    this.#bytes = bytes;
  }

  async add({ line, bytes }: LineTag, { code, detail, errors = [] }: Failure): Promise<void> {
    const input = Buffer.from(bytes).toString();
    const record = { line, code, detail, ...(errors.length === 0 ? {} : { errors }), input };
    const text = Buffer.from(`${JSON.stringify(record)}\n`);
    this.#buffered.push(text);
    this.#bufferedBytes += text.length;
    if (this.#bufferedBytes > MAX_BUFFERED_BYTES) await this.flush();
  }

  /** Writes what was added. Returns how long the file is then; it begins to exist with its first line. */
  async flush(): Promise<number> {
    if (this.#bufferedBytes === 0) return this.#bytes;
    this.#file ??= await open(this.path, 'w');
    const whole = Buffer.concat(this.#buffered);
    // A disk that gets full takes a part, and only then refuses.
    for (let at = 0; at < whole.length;) {
      at += (await this.#file.write(whole, at, whole.length - at, this.#bytes + at)).bytesWritten;
    }
    this.#bytes += whole.length;
    this.#buffered = [];
    this.#bufferedBytes = 0;
    await this.#file.sync();
    return this.#bytes;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}
