// The system under chaos: the stack, with an address and a small disk for every part where there is a namespace.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Stack, type StackOptions, startStack } from '../stack/stack.ts';
import type { Control } from './controls.ts';
import { isInNamespace } from './namespace.ts';
import { Network } from './network.ts';
import { LOCK_TTL_MS } from './scenarios/instances.ts';

export type SystemOptions = {
  readonly dir: string;
  readonly control?: Control | undefined;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
};

const DISK = '256m';
const NETWORKS: Readonly<Record<string, string>> = {
  redis: '127.0.1',
  sentinel: '127.0.2',
  keeper: '127.0.3',
  instance: '127.0.4',
};
const PRELOADED = ['source-address.ts', 'shifted-clock.ts'];

export class System implements AsyncDisposable {
  readonly stack: Stack;
  /** Null where there is no namespace, and nothing can be cut. */
  readonly network: Network | null;
  readonly clockDir: string;
  readonly logDir: string;
  readonly #dir: string;
  readonly #cleanup: AsyncDisposableStack;

  private constructor(stack: Stack, dir: string, cleanup: AsyncDisposableStack) {
    this.stack = stack;
    this.network = isInNamespace() ? new Network() : null;
    this.clockDir = clockDirOf(dir);
    this.logDir = join(dir, 'logs');
    this.#dir = dir;
    this.#cleanup = cleanup;
  }

  /** Starts it in a new directory; stops what was started when it does not come up. */
  static async start({ dir, control, say, signal }: SystemOptions): Promise<System> {
    await using cleanup = new AsyncDisposableStack();
    mkdirSync(clockDirOf(dir), { recursive: true });
    const isolated = isInNamespace();
    if (isolated) for (const name of ['redis-1', 'redis-2', 'redis-3']) mountDisk(join(dir, 'redis', name), cleanup);
    const options: StackOptions = {
      dir,
      instances: 3,
      keepers: 2,
      downAfterMs: 1_000,
      // For the scenario in which a node loads its data anew; "local" is 127.0.0.1, where we ask from.
      redisArgs: ['--enable-debug-command', 'local'],
      env: { ...preloads(dir), LOCK_TTL_MS: `${LOCK_TTL_MS}`, SHUTDOWN_GRACE_MS: '5000', ...controlled(control) },
      keeperEnv: preloads(dir),
      ...(control === undefined || control === 'acks-1' ? {} : { main: 'chaos/instance.ts' }),
      ...(isolated ? { hostOf } : {}),
      say,
      signal,
    };
    const stack = cleanup.use(await startStack(options));
    // It takes requests earlier, but no replica could be promoted yet.
    await stack.redis.settled(60_000, signal);
    return new System(stack, dir, cleanup.move());
  }

  /** Copies data and logs, which do not outlive us, to where somebody can look at them. */
  keep(to: string): void {
    cpSync(this.#dir, to, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }
}

/** Lets a program of ours send from its own address, and be told another time of day. */
function preloads(dir: string): Record<string, string> {
  const imports = PRELOADED.map((file) => `--import=${new URL(file, import.meta.url).href}`);
  return { NODE_OPTIONS: imports.join(' '), CHAOS_CLOCKS: clockDirOf(dir) };
}

function controlled(control: Control | undefined): Record<string, string> {
  if (control === undefined) return {};
  return control === 'acks-1' ? { ACKS: '1' } : { CHAOS_CONTROL: control };
}

function clockDirOf(dir: string): string {
  return join(dir, 'clocks');
}

/** "redis-2" has 127.0.1.2, and so on; what has no network of its own stays on 127.0.0.1. */
function hostOf(name: string): string {
  const [kind = '', number = '1'] = name.split('-');
  const network = NETWORKS[kind];
  return network === undefined ? '127.0.0.1' : `${network}.${number}`;
}

/** A disk of its own for a node, so that it can be filled; its contents are gone with it. */
function mountDisk(dir: string, cleanup: AsyncDisposableStack): void {
  mkdirSync(dir, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', dir]);
  // Lazily: a node that is just being killed may still have it open.
  cleanup.defer(() => void execFileSync('umount', ['-l', dir]));
}
