// Changes the file of keys so that readers see the old one or the new one, whole, and two editors do not undo each other.
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { EMPTY_KEY_FILE, type KeyFile, KeyFileError } from './key-file.ts';
import { readKeyFile } from './key-source.ts';

/** The service reads it as a user of its own, in a container most often, and the hashes in it are of no use to a thief. */
const MODE_OF_NEW_FILE = 0o644;

/** Puts what `edit` makes of the file in its place; a file that is missing counts as empty. Throws `KeyFileError`. */
export function editKeyFile(path: string, edit: (file: KeyFile) => KeyFile): void {
  const next = `${path}.next`;
  const mode = existsSync(path) ? statSync(path).mode & 0o777 : MODE_OF_NEW_FILE;
  let descriptor: number;
  try {
    // Fails when it is there: somebody else is at it.
    descriptor = openSync(next, 'wx', mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new KeyFileError(
      code === 'EEXIST'
        ? `somebody is changing it; if not, remove ${next}`
        : `it cannot be written: ${code ?? 'unknown error'}`,
    );
  }
  try {
    try {
      const file = edit(existsSync(path) ? readKeyFile(path) : EMPTY_KEY_FILE);
      writeFileSync(descriptor, `${JSON.stringify(file, null, 2)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}
