// Starts a process that makes load and hands it one job after the other.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { LoadJob, LoadResult } from './load-job.ts';

export class Load implements Disposable {
  readonly #process: ChildProcess;

  /** `program`: another one than that for HTTP, which takes the same messages. */
  constructor(program = 'load-process.ts', env: Readonly<Record<string, string>> = {}) {
    this.#process = fork(new URL(program, import.meta.url), {
      execArgv: ['--max-semi-space-size=64'],
      env: { ...process.env, ...env },
    });
  }

  /** One at a time. */
  async run(job: LoadJob): Promise<LoadResult> {
    this.#process.send(job);
    const ended = new AbortController();
    const died = once(this.#process, 'exit', { signal: ended.signal }).then(() => {
      throw new Error('the process that makes load ended');
    });
    try {
      const [result] = (await Promise.race([once(this.#process, 'message'), died])) as [LoadResult];
      return result;
    } finally {
      ended.abort();
      died.catch(() => {});
    }
  }

  [Symbol.dispose](): void {
    this.#process.kill();
  }
}
