// Reads the file of API keys, and again whenever it changes; a bad file keeps the keys that were there.
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
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

/** Hands over the keys of a file each time that it has changed and can be used, until the function that it returns is called. */
export function watchKeyFile(path: string, take: (file: KeyFile) => void, observer: KeySourceObserver): () => void {
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
  watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, look);
  return () => unwatchFile(path, look);
}
