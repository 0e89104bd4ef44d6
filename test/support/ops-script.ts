// Runs a script of ops/redis as an operator would: as a process, at a node or from elsewhere.
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { MASTER_NAME, type RedisNode } from '../../stack/redis-node.ts';
import type { RedisSet } from '../../stack/redis-set.ts';
import { secretsOf } from '../../stack/secrets.ts';

const OPS = join(import.meta.dirname, '../../ops/redis');

export type ScriptResult = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

type ScriptOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Files in the place of standard input and output, for what is no text. */
  readonly from?: string;
  readonly to?: string;
  /** After this it is stopped, and that is an error. */
  readonly timeoutMs?: number;
};

/** Longer than any script waits by itself, but for settled.sh, which is told how long. */
const TIMEOUT_MS = 120_000;

/** What a script is told that runs beside a node. */
export const atNode = (set: RedisSet, node: RedisNode): Record<string, string> => ({
  ANNOUNCE: node.host,
  REDIS_PORT: `${node.port}`,
  REDIS_DIR: node.dir,
  REDIS_MASTER_NAME: MASTER_NAME,
  SENTINELS: set.sentinels,
  SECRETS: secretsOf(set.secrets, 'replication'),
});

/** And one that a person runs. */
export const asOperator = (set: RedisSet): Record<string, string> => ({
  REDIS_MASTER_NAME: MASTER_NAME,
  SENTINELS: set.sentinels,
  SECRETS: secretsOf(set.secrets, 'operator'),
});

/** Runs `ops/redis/<name>` to its end; a failure is a result. Throws with what it said when it does not end in time. */
export async function runScript(
  name: string,
  args: readonly string[],
  { env = {}, input = '', from, to, timeoutMs = TIMEOUT_MS }: ScriptOptions = {},
): Promise<ScriptResult> {
  const child = spawn('sh', [join(OPS, name), ...args], {
    // By SIGTERM, at which a script takes back what it has begun.
    timeout: timeoutMs,
    env: { ...process.env, ...env },
    stdio: [from === undefined ? 'pipe' : openSync(from, 'r'), to === undefined ? 'pipe' : openSync(to, 'w'), 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  // A script that does not read its input ends before it has got it.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  if (child.killed) {
    throw new Error(`${name} did not end within ${timeoutMs} ms; it said:\n${output.stdout}${output.stderr}`);
  }
  return { code, ...output };
}

/** What digest.sh prints for a node; with `before`, of what was there then. Throws when the node contradicts itself. */
export async function digestOf(set: RedisSet, node: RedisNode, before?: string): Promise<string> {
  const args = [node.address, ...(before === undefined ? [] : ['-'])];
  const { code, stdout, stderr } = await runScript('digest.sh', args, { env: asOperator(set), input: before ?? '' });
  if (code !== 0) throw new Error(`digest.sh ended with ${code}: ${stderr}`);
  return stdout;
}
