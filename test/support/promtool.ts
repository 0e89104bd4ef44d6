// promtool, from the image of docker-compose.yml where a Docker engine answers, else from the system's package.
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { dockerAnswers } from './compose.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = `${ROOT}ops/prometheus`;

export type Promtool = {
  readonly from: string;
  /** Runs it in ops/prometheus; resolves with all that it said, also when it found something wrong. */
  check(...args: string[]): Promise<{ readonly ok: boolean; readonly output: string }>;
};

/** What there is to check rules with, or null. */
export function findPromtool(): Promtool | null {
  if (dockerAnswers()) {
    const [, image = ''] =
      /image: (prom\/prometheus:\S+)/.exec(readFileSync(`${ROOT}docker-compose.yml`, 'utf8')) ?? [];
    // Each test of rules makes a store in /tmp, which on a disk takes many times as long.
    const container = ['run', '--rm', '--tmpfs', '/tmp', '--volume', `${FOLDER}:/rules:ro`, '--workdir', '/rules'];
    return {
      from: image,
      check: (...args) => said('docker', [...container, '--entrypoint', 'promtool', image, ...args]),
    };
  }
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
  } catch {
    return null;
  }
  return { from: 'the promtool of this machine', check: (...args) => said('promtool', args) };
}

async function said(command: string, args: readonly string[]): Promise<{ ok: boolean; output: string }> {
  try {
    const { stdout, stderr } = await run(command, args, { cwd: FOLDER });
    return { ok: true, output: `${stdout}${stderr}` };
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return { ok: false, output: `${stdout}${stderr}` };
  }
}
