// Reads the file of API keys, and again whenever it changes; a bad file keeps the keys that were there.
import { type BigIntStats, readFileSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setInterval } from 'node:timers/promises';
import { type KeyFile, KeyFileError, parseKeyFile } from './key-file.ts';

export type KeySourceObserver = {
  loaded(keys: number): void;
  /** The file cannot be read or used. `reason` quotes nothing of it. */
  refused(reason: string): void;
};

/** How soon a change is noticed. Asking is a stat, and works for files that are replaced, mounted or linked, too. */
const LOOK_EVERY_MS = 1_000;
const MAX_FILE_BYTES = 8_388_608;

/** The keys in a file. Throws `KeyFileError`. */
export function readKeyFile(path: string): KeyFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new KeyFileError(`it cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`);
  }
  if (text.length > MAX_FILE_BYTES) throw new KeyFileError(`it is larger than ${MAX_FILE_BYTES} bytes`);
  return parseKeyFile(text, Date.now());
}

/** Tells one state of a file from the next, or from none. Ask before it is read: then no change goes unnoticed. */
export function versionOf(path: string): string {
  try {
    return told(statSync(path, { bigint: true }));
  } catch {
    return NONE;
  }
}

const NONE = 'none';
const told = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join(' ');

/**
 * Hands over the keys of a file each time that it is another than the version `since` and can be used, until the function
 * that it returns is called. Not by `fs.watchFile`, which takes for granted what it finds at first: a key that was revoked
 * between the reading and that look would have stayed.
 */
export function watchKeyFile(
  path: string,
  since: string,
  take: (file: KeyFile) => void,
  observer: KeySourceObserver,
  lookEveryMs = LOOK_EVERY_MS,
): () => void {
  const look = (): void => {
    try {
      const file = readKeyFile(path);
      take(file);
      observer.loaded(file.keys.length);
    } catch (error) {
      if (!(error instanceof KeyFileError)) throw error;
      observer.refused(error.message);
    }
  };
  const end = new AbortController();
  const watch = async (): Promise<void> => {
    let known = since;
    for await (const _ of setInterval(lookEveryMs, undefined, { ref: false, signal: end.signal })) {
      const version = await stat(path, { bigint: true }).then(told, () => NONE);
      if (version === known || end.signal.aborted) continue;
      known = version;
      look();
    }
  };
  watch().catch((error: unknown) => {
    if (!end.signal.aborted) throw error;
  });
  return () => end.abort();
}
