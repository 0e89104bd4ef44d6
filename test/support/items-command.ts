// Runs the items command as a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../client/cli/main.ts', import.meta.url));

export type Ended = {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type Running = { readonly process: ChildProcess; readonly ended: Promise<Ended> };

/** Starts it. Standard input is empty unless there is `input`. `limit` is a limit of the shell, as `ulimit` takes it. */
export function startItems(url: string, args: readonly string[], input = '', limit = '-c 0'): Running {
  const { ITEMS_API_KEY: _, ...env } = process.env;
  const command = [process.execPath, MAIN, ...args];
  const child = spawn('sh', ['-c', `ulimit ${limit}; exec "$@"`, 'sh', ...command], {
    env: { ...env, ITEMS_URL: url },
    stdio: 'pipe',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  // A command that does not read its input ends before it has got it.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = Promise.withResolvers<Ended>();
  child.once('close', (code, signal) => ended.resolve({ code, signal, stdout, stderr }));
  return { process: child, ended: ended.promise };
}

export async function items(url: string, ...args: string[]): Promise<Ended> {
  return await startItems(url, args).ended;
}
