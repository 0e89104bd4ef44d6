// Makes an API key as operators do, with the command.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const COMMAND = fileURLToPath(new URL('../../src/access/main.ts', import.meta.url));

/** Adds a key to the file, which is made when it is not there, and returns it. */
export async function createKey(file: string, client: string): Promise<string> {
  const args = [COMMAND, 'create', '--client', client, '--file', file];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout.split('\n', 1)[0] ?? '';
}
