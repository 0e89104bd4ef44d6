// One program of the stack that can be started, killed, paused and started again under the same name.
import { readFileSync } from 'node:fs';
import { type Command, describeExit, type Exit, type Launcher, type Running } from './launcher.ts';
import { Hopeless, waitFor } from './wait.ts';

export type PartOptions = {
  readonly launcher: Launcher;
  readonly command: Command;
  /** Whether it does its work; asked until it says so. */
  readonly isReady: () => Promise<boolean>;
  /** How long it may take to end after SIGTERM before it is killed. */
  readonly stopGraceMs: number;
};

export class Part implements AsyncDisposable {
  readonly name: string;
  /** Called when it ends without stop(). */
  onDeath: ((exit: Exit) => void) | undefined;
  readonly #options: PartOptions;
  #running: Running | null = null;
  #wanted = false;
  #logPath = '';

  constructor(options: PartOptions) {
    this.name = options.command.name;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#running?.pid;
  }

  get running(): boolean {
    return this.#running !== null;
  }

  get logPath(): string {
    return this.#logPath;
  }

  /** Whether it should be running: it was started, and not stopped since. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** Starts the program; whether it is ready is another question. */
  async start(): Promise<void> {
    if (this.#running !== null) throw new Error(`${this.name} is running already.`);
    this.#wanted = true;
    const running = await this.#options.launcher.start(this.#options.command);
    this.#running = running;
    this.#logPath = running.logPath;
    void this.#watch(running);
    // Stopped while it was being started.
    if (!this.#wanted) await this.stop();
  }

  /** Waits until the program does its work; throws a PartError at once when it ends instead. */
  async ready(timeoutMs = 60_000, signal?: AbortSignal): Promise<void> {
    const running = this.#running;
    if (running === null) throw this.#failure('is not running.');
    let exit: Exit | undefined;
    void running.exited.then((how) => (exit = how));
    const condition = async (): Promise<boolean> => {
      if (exit !== undefined) throw new Hopeless(`ended at its start (${describeExit(exit)}).`);
      return this.#options.isReady();
    };
    try {
      await waitFor(condition, { timeoutMs, what: 'did not get ready', signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#failure((error as Error).message, { cause: error });
    }
  }

  /** Sends a signal; SIGKILL unless told otherwise. Returns when the program has ended, if the signal ends it. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const running = this.#running;
    running?.kill(signal);
    if (signal === 'SIGKILL') await running?.exited;
  }

  /** Freezes the program: its connections stay open and nothing answers. */
  pause(): void {
    this.#running?.kill('SIGSTOP');
  }

  resume(): void {
    this.#running?.kill('SIGCONT');
  }

  /** Ends the program in its own orderly way; kills it when that takes longer than its grace. */
  async stop(): Promise<void> {
    this.#wanted = false;
    const running = this.#running;
    if (running === null) return;
    running.kill('SIGTERM');
    // A paused one does not see it before it goes on.
    running.kill('SIGCONT');
    const timer = setTimeout(() => running.kill('SIGKILL'), this.#options.stopGraceMs);
    await running.exited;
    clearTimeout(timer);
  }

  /** The end of its log. */
  lastLogLines(count = 12): string[] {
    if (this.#logPath === '') return [];
    return readFileSync(this.#logPath, 'utf8').trimEnd().split('\n').slice(-count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #watch(running: Running): Promise<void> {
    const exit = await running.exited;
    this.#running = null;
    if (this.#wanted) this.onDeath?.(exit);
  }

  #failure(what: string, options?: ErrorOptions): PartError {
    return new PartError(`${this.name} ${what}`, this.lastLogLines(), options);
  }
}

/** A part did not come up; carries the end of its log. */
export class PartError extends Error {
  readonly logLines: readonly string[];

  constructor(message: string, logLines: readonly string[], options?: ErrorOptions) {
    super(message, options);
    this.logLines = logLines;
  }
}
