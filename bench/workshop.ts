// What every scenario works with: a directory, ports, processes that are stopped behind it, and a maker of load.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Launcher } from '../stack/launcher.ts';
import { LocalLauncher } from '../stack/local-launcher.ts';
import { Part } from '../stack/part.ts';
import { Ports } from '../stack/ports.ts';
import { Load } from './load.ts';

export class Workshop implements AsyncDisposable {
  /** Removed at the end. */
  readonly dir: string;
  readonly launcher: Launcher;
  readonly ports: Ports;
  readonly load: Load;
  readonly #cleanup: AsyncDisposableStack;

  private constructor(dir: string, ports: Ports, cleanup: AsyncDisposableStack) {
    const launcher = new LocalLauncher(join(dir, 'logs'));
    launcher.removeWhenKilled(dir);
    this.dir = dir;
    this.launcher = launcher;
    this.ports = ports;
    this.#cleanup = cleanup;
    this.load = cleanup.use(new Load());
  }

  static async open(): Promise<Workshop> {
    const dir = mkdtempSync(join(tmpdir(), 'items-bench-'));
    // PostgreSQL refuses to run as root, and whom it runs as must get to its data.
    chmodSync(dir, 0o711);
    const cleanup = new AsyncDisposableStack();
    cleanup.defer(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
    return new Workshop(dir, cleanup.use(await Ports.reserve()), cleanup);
  }

  /** Has `resource` disposed of at the end, before whatever was there earlier. */
  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    return this.#cleanup.use(resource);
  }

  /** Starts a program and waits until it does its work. */
  async start(
    name: string,
    argv: readonly [string, ...string[]],
    isReady: () => Promise<boolean>,
    options: { readonly env?: Readonly<Record<string, string>>; readonly dir?: string } = {},
  ): Promise<Part> {
    const { env = {}, dir = join(this.dir, name) } = options;
    const part = this.use(
      new Part({ launcher: this.launcher, command: { name, argv, env, dir }, isReady, stopGraceMs: 10_000 }),
    );
    await part.start();
    await part.ready();
    return part;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }
}

/** The ids of the processes behind some parts. */
export function pidsOf(parts: readonly Part[]): number[] {
  return parts.map(({ name, pid }) => {
    if (pid === undefined) throw new Error(`${name} is not running`);
    return pid;
  });
}
