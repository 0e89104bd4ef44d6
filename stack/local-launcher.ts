// Runs programs as processes of this machine, each with a log file, and leaves none behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command, Exit, Launcher, Running } from './launcher.ts';

const WATCHDOG = fileURLToPath(new URL('watchdog.sh', import.meta.url));
// Debian keeps nginx where an ordinary user's PATH does not look.
const PATH = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin:/usr/local/bin`;
const INHERITED = ['HOME', 'USER', 'TMPDIR', 'LANG', 'TZ'];

/** Starts processes that outlive neither their stop() nor, by more than a few seconds, this process. */
export class LocalLauncher implements Launcher {
  readonly #logDir: string;
  readonly #pids = new Set<number>();
  #watchdog: ChildProcess | undefined;

  /** Logs go to `logDir`, which is made when it is missing. */
  constructor(logDir: string) {
    this.#logDir = logDir;
    try {
      mkdirSync(logDir, { recursive: true });
    } catch (error) {
      throw new Error(`${logDir} cannot be made: ${(error as Error).message}.`, { cause: error });
    }
  }

  async start({ name, argv, env, dir }: Command): Promise<Running> {
    mkdirSync(dir, { recursive: true });
    const logPath = join(this.#logDir, `${name}.log`);
    // A file and not a pipe: nginx opens /dev/stdout, and Node's pipes are sockets, which cannot be opened.
    const log = openSync(logPath, 'a');
    const [program, ...args] = argv;
    // A group of its own, so that Ctrl-C reaches us alone and we stop the parts in order.
    const child = spawn(program, args, {
      cwd: dir,
      env: { ...inherited(), PATH, ...env },
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    await once(child, 'spawn').catch((error: Error) => {
      throw new Error(`${program} could not be started: ${error.message}`);
    });
    const { pid } = child;
    if (pid === undefined) throw new Error(`${program} could not be started.`);
    this.#pids.add(pid);
    this.#tellWatchdog(`start ${pid}`);
    const exited = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => {
        // What it started goes with it: workers of a killed nginx would go on listening.
        killGroup(pid, 'SIGKILL');
        this.#pids.delete(pid);
        this.#tellWatchdog(`end ${pid}`);
        resolve({ code, signal });
      });
    });
    return { pid, logPath, exited, kill: (signal) => killGroup(pid, signal) };
  }

  /** Has `dir` removed even when this process is killed and cannot do it. */
  removeWhenKilled(dir: string): void {
    this.#tellWatchdog(`temporary ${dir}`);
  }

  /** Ends everything at once, without waiting for anything. */
  killAll(): void {
    for (const pid of this.#pids) killGroup(pid, 'SIGKILL');
  }

  #tellWatchdog(line: string): void {
    if (this.#watchdog === undefined) {
      this.#watchdog = spawn('sh', [WATCHDOG], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' });
      this.#watchdog.on('error', () => {});
      this.#watchdog.stdin?.on('error', () => {});
      this.#watchdog.unref();
      // It must not keep us alive: our end is what it waits for.
      (this.#watchdog.stdin as unknown as { unref(): void }).unref();
    }
    this.#watchdog.stdin?.write(`${line}\n`);
  }
}

/** Those of `programs` that are not installed. */
export function missingPrograms(programs: readonly string[]): string[] {
  return programs.filter((program) => !PATH.split(':').some((dir) => existsSync(join(dir, program))));
}

function inherited(): Record<string, string> {
  const pairs = INHERITED.map((name) => [name, process.env[name]] as const);
  return Object.fromEntries(pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
