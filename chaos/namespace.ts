// Runs a program again in a network of its own, so that what is cut there never touches the machine.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Set for the program that runs inside. */
const MARK = 'CHAOS_NAMESPACE';
const OPEN_LOOPBACK = 'ip link set lo up';

/** Whether this process runs in a network (and with mounts) of its own. */
export function isInNamespace(): boolean {
  return process.env[MARK] === '1';
}

/**
 * Runs this very program again inside, with the same arguments, and returns its exit code. Null where no namespace with
 * iptables can be made: not Linux, not permitted, or not installed.
 */
export async function rerunInNamespace(): Promise<number | null> {
  const prefix = findWayIn();
  const program = process.argv[1];
  if (prefix === null || program === undefined) return null;
  const [unshare, ...flags] = prefix;
  // exec, so that our child is that program itself and gets our signals.
  const shell = ['sh', '-c', `${OPEN_LOOPBACK} && exec "$@"`, 'sh'];
  const argv = [...flags, ...shell, process.execPath, ...process.execArgv, program, ...process.argv.slice(2)];
  const child = spawn(unshare, argv, { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } });
  // A terminal sends Ctrl-C to both of us; what is sent to us alone goes on to the child, which cleans up and ends.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (signal !== null) console.error(`Ended by ${signal}.`);
  return code ?? 1;
}

/** Whether `rerunInNamespace` would find a way in. */
export function canCutNetworks(): boolean {
  return findWayIn() !== null;
}

/** Ends this process when the one outside is gone, which a kill -9 would leave us to find out. */
export function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, 500).unref();
}

/** Root may simply; others may in a user namespace of their own where the system lets them. */
function findWayIn(): readonly [string, ...string[]] | null {
  if (process.platform !== 'linux') return null;
  const probe = `${OPEN_LOOPBACK} && iptables -A INPUT -s 127.0.1.1 -j DROP && mount -t tmpfs tmpfs /mnt`;
  const ways = [
    ['unshare', '--net', '--mount'],
    ['unshare', '--map-root-user', '--net', '--mount'],
  ] as const;
  return ways.find(([unshare, ...flags]) => spawnSync(unshare, [...flags, 'sh', '-c', probe]).status === 0) ?? null;
}
