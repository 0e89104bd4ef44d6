// Keeps a second import away from a file while one is under way: both would write the same state.
import { open, readFile, rm } from 'node:fs/promises';
import { UsageError } from './command.ts';

/**
 * Takes the lock until it is disposed of. One whose process is gone is taken over, so that an import that was killed can go
 * on at once. Throws a `UsageError` while the process that took it lives.
 */
export async function lockImport(path: string): Promise<AsyncDisposable> {
  for (;;) {
    try {
      const handle = await open(path, 'wx');
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => ''));
    if (isAlive(owner)) {
      throw new UsageError(`Process ${owner} imports this file. If it does not, remove ${path}.`);
    }
    await rm(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
