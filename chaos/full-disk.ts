// Fills a file system that is small on purpose.
import { writeFileSync } from 'node:fs';

/** Writes until there is no room left; throws when there is more than any test gives a node. */
export function fillDisk(path: string): void {
  const chunk = Buffer.alloc(1 << 20);
  for (let written = 0; written < 1 << 30; written += chunk.length) {
    try {
      writeFileSync(path, chunk, { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
  throw new Error(`${path} is on a file system without a limit.`);
}
