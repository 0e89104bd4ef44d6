// The service as its operators run it: src/main.ts in a process of its own, or a test's own entry in its place.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Hopeless, waitFor } from '../../stack/wait.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const TIMEOUT_MS = 20_000;

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };
type LogLine = Record<string, unknown> & { readonly level: string; readonly msg: string };

export class ServiceProcess implements AsyncDisposable {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #exit: Exit | undefined;

  /**
   * Starts it with these settings and nothing else from our environment. `preload` is JavaScript that runs first; `entry`
   * is a file and its arguments.
   */
  constructor(settings: Readonly<Record<string, string>>, preload?: string, entry: readonly string[] = [MAIN]) {
    const flags = preload === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(preload)}`];
    const env = { PATH: process.env['PATH'] ?? '', PORT: '0', ...settings };
    this.#child = spawn(process.execPath, [...flags, ...entry], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (data: Buffer) => (this.stdout += data.toString()));
    this.#child.stderr?.on('data', (data: Buffer) => (this.stderr += data.toString()));
    this.#child.once('close', (code, signal) => (this.#exit = { code, signal }));
    this.#closed = once(this.#child, 'close');
  }

  get lines(): LogLine[] {
    const complete = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1);
    return complete
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LogLine);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for something about a process that is running. */
  until<T>(condition: () => T | Promise<T>, what: string): Promise<Exclude<T, false | null | undefined>> {
    const running = () => {
      if (this.#exit !== undefined) throw new Hopeless(`${what}: the service has ended\n${this.stdout}${this.stderr}`);
      return condition();
    };
    return waitFor(running, { timeoutMs: TIMEOUT_MS, everyMs: 20, what });
  }

  /** How it ends, once both of its outputs are read. Gives up before the test does, so that it is not left behind. */
  ended(): Promise<Exit> {
    return waitFor(() => this.#exit, { timeoutMs: 2 * TIMEOUT_MS, everyMs: 20, what: 'the service did not end' });
  }

  /** Where it listens. */
  url(): Promise<string> {
    return this.until(() => this.lines.find(({ msg }) => msg === 'listening')?.['url'] as string, 'it did not listen');
  }

  /** Its address, once it takes traffic. */
  async ready(): Promise<string> {
    const url = await this.url();
    await this.until(async () => (await fetch(`${url}/readyz`)).status === 200, 'it was not ready');
    return url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.#closed;
  }
}
