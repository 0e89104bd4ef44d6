// npm run up: the whole system as local processes, from one command until Ctrl-C.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalLauncher, missingPrograms } from './local-launcher.ts';
import { PartError } from './part.ts';
import { isFree } from './ports.ts';
import { type Stack, startStack } from './stack.ts';
import { whatToKill, whatToTry } from './story.ts';
import { parseUpFlags, UP_HELP, type UpFlags } from './up-flags.ts';

const startedAtMs = performance.now();
const stop = new AbortController();
process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const flags = parseUpFlags(process.argv.slice(2));
    if (flags.help) console.log(UP_HELP);
    else await run(flags);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) {
      say('Stopped.');
      return 0;
    }
    if (error instanceof PartError) console.error(error.logLines.map((line) => `  ${line}`).join('\n'));
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

async function run({ instances, port, keep }: UpFlags): Promise<void> {
  const missing = missingPrograms(['redis-server', 'redis-cli', 'nginx']);
  if (missing.length > 0) throw new Error(`Not installed: ${missing.join(', ')}; "sh stack/bootstrap.sh" installs it.`);
  if (!(await isFree(port))) throw new Error(`Port ${port} is taken; choose another one with --port.`);
  const dir = keep ?? mkdtempSync(join(tmpdir(), 'items-'));
  const removeTemporary = (): void => {
    if (keep === undefined) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const logDir = join(dir, 'logs');
    const launcher = new LocalLauncher(logDir);
    if (keep === undefined) launcher.removeWhenKilled(dir);
    stopOnSignals(() => {
      launcher.killAll();
      removeTemporary();
    });
    const env = { SHUTDOWN_GRACE_MS: '5000' };
    const options = { dir, launcher, instances, port, env, say, restart: true, signal: stop.signal };
    await using stack = await startStack(options);
    const master = await stack.redis.masterNode();
    console.log(`\n${whatToTry(stack.url)}\n\n${whatToKill(stack, master.name, logDir)}\n`);
    await reportMasters(stack, master.name);
  } finally {
    removeTemporary();
  }
  say('Stopped.');
}

/** Says when another node becomes master, until everything is stopped. */
async function reportMasters(stack: Stack, first: string): Promise<void> {
  for (let last = first; !stop.signal.aborted;) {
    const name = await stack.redis.masterNode(0).then(
      (node) => node.name,
      () => last,
    );
    if (name !== last) say(`${name} is the master now.`);
    last = name;
    await sleep(500, undefined, { signal: stop.signal }).catch(() => {});
  }
}

function say(line: string): void {
  const seconds = (performance.now() - startedAtMs) / 1000;
  console.log(`${seconds.toFixed(1).padStart(6)} s  ${line}`);
}

/** The first signal stops everything in order, the second one at once. */
function stopOnSignals(force: () => void): void {
  const onSignal = (): void => {
    if (stop.signal.aborted) {
      // npm passes on what the terminal has already sent us.
      if (performance.now() - stoppedAtMs < 300) return;
      force();
      process.exit(1);
    }
    stoppedAtMs = performance.now();
    say('Stopping.');
    stop.abort();
  };
  let stoppedAtMs = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // npm is told to end and does not tell the shell between it and us: then that shell is gone, and we are orphans.
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent && !stop.signal.aborted) onSignal();
  }, 500).unref();
}
