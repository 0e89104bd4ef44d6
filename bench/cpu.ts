// CPU time of processes as the operating system accounts it (Linux); steadier than throughput on a machine that is shared.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
// proc_pid_stat(5): utime, stime and those of children that were waited for are fields 14 to 17; the name, which may hold
// anything, ends with the last parenthesis.
const FIRST_FIELD_BEHIND_NAME = 3;

/**
 * User and system time in seconds of a process with all its threads, of its children and theirs, and of those that ended:
 * PostgreSQL works in backends, nginx in workers, and Redis rewrites its file in a child.
 */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = [14, 15, 16, 17].map((field) => Number(fields[field - FIRST_FIELD_BEHIND_NAME]));
  const own = ticks.reduce((sum, n) => sum + n, 0) / TICKS_PER_SECOND;
  return childrenOf(pid).reduce((sum, child) => sum + ifAlive(child), own);
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

/** A child that ended a moment ago is counted with its parent the next time. */
function ifAlive(pid: number): number {
  try {
    return cpuSeconds(pid);
  } catch {
    return 0;
  }
}

/** Time in seconds that all cores together have worked, for whomever, since the machine started. */
export function busySeconds(): number {
  const [cpu = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  // proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal; what guests took is in the first two.
  const ticks = cpu.split(/ +/).slice(1, 9).map(Number);
  return ticks.reduce((sum, n, i) => (i === 3 || i === 4 ? sum : sum + n), 0) / TICKS_PER_SECOND;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no resident memory`);
  return Number(kilobytes) * 1_024;
}
