// How far an import has come, in a file that survives the import's death at any moment.
import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, rename } from 'node:fs/promises';

/** `replayed`: sent in a run that died before it knew the answer, and found saved. */
export type ImportCounts = { saved: number; replayed: number; duplicates: number; failed: number; blank: number };

/** By which a file is known again. */
export type FileMark = { readonly sizeBytes: number; readonly modifiedMs: number; readonly headSha256: string };

export type ImportState = {
  readonly version: 1;
  readonly url: string;
  readonly mode: 'json-lines' | 'raw-lines';
  readonly file: FileMark | null;
  /** Of all lines of this import, in however many runs. */
  readonly idempotencyKey: string;
  /** Where the first line begins that has no result yet, and how many lines are before it. */
  offsetBytes: number;
  lines: number;
  /** The number under which the next line is sent. Lines that are not sent have none. */
  nextNumber: number;
  /** How much of the file of failed lines belongs to the lines before. */
  failedBytes: number;
  counts: ImportCounts;
  isFinished: boolean;
};

const HEAD_BYTES = 65_536;

/** A state at the beginning of a file. */
export function newState(given: Pick<ImportState, 'url' | 'mode' | 'file' | 'idempotencyKey'>): ImportState {
  const counts = { saved: 0, replayed: 0, duplicates: 0, failed: 0, blank: 0 };
  return { version: 1, ...given, offsetBytes: 0, lines: 0, nextNumber: 1, failedBytes: 0, counts, isFinished: false };
}

/** What an import left behind, or null. Throws an `Error` for a file that is something else. */
export async function readState(path: string): Promise<ImportState | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  let state: Partial<ImportState> | null = null;
  try {
    state = JSON.parse(text) as Partial<ImportState>;
  } catch {
    // Below.
  }
  const numbers = [state?.offsetBytes, state?.lines, state?.nextNumber, state?.failedBytes, state?.counts?.saved];
  if (state?.version !== 1 || !numbers.every(Number.isSafeInteger) || typeof state.idempotencyKey !== 'string') {
    throw new Error(`${path} is not the state of an import`);
  }
  return state as ImportState;
}

/** Replaces the state as a whole: whoever reads it sees the old one or the new one. */
export async function writeState(path: string, state: ImportState): Promise<void> {
  const temporary = `${path}.tmp`;
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(`${JSON.stringify(state, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
}

export async function markOf(handle: FileHandle): Promise<FileMark> {
  const { size, mtimeMs } = await handle.stat();
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  const headSha256 = createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex');
  return { sizeBytes: size, modifiedMs: Math.round(mtimeMs), headSha256 };
}

export function isSameFile(a: FileMark | null, b: FileMark | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Why an import cannot go on from a state, or null. */
export function obstacle(state: ImportState, now: Pick<ImportState, 'url' | 'mode' | 'file'>): string | null {
  if (!isSameFile(state.file, now.file)) return 'the file has changed since';
  if (state.url !== now.url) return `it went to ${state.url}`;
  return state.mode === now.mode ? null : `it read ${state.mode}`;
}
