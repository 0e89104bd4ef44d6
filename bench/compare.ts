// Runs candidates in turn on the same work, several rounds in alternating order.
import type { Candidate } from './candidate.ts';
import { busySeconds, cpuSeconds } from './cpu.ts';
import type { Load } from './load.ts';
import type { LoadJob, LoadResult } from './load-job.ts';
import type { Row, Sample } from './report.ts';

export type Shape = Omit<LoadJob, 'url' | 'seed' | 'durationMs'>;
export type Times = { readonly rounds: number; readonly warmUpMs: number; readonly durationMs: number };

/** One case of a comparison: what is done, and by whom. */
export type Case = { readonly name: string; readonly shape: Shape; readonly candidates: readonly Candidate[] };

/** Until its code is optimised, a process that has just started takes up to three times as long for the same work. */
const FIRST_WARM_UPS = 4;
const warm = new WeakSet<Candidate>();

/** One row for each candidate, with its samples in the order of the rounds. */
export async function compare(
  { name, shape, candidates }: Case,
  { rounds, warmUpMs, durationMs }: Times,
  load: Load,
): Promise<Row[]> {
  const rows = candidates.map((candidate) => ({ case: name, candidate, samples: [] as Sample[] }));
  for (let round = 0; round < rounds; round++) {
    for (const { candidate, samples } of round % 2 === 0 ? rows : rows.toReversed()) {
      const maker = candidate.load ?? load;
      const run = (ms: number): ReturnType<Load['run']> =>
        maker.run({ ...shape, url: candidate.url, durationMs: ms, seed: newSeed() });
      await run(warm.has(candidate) ? warmUpMs : warmUpMs * FIRST_WARM_UPS);
      warm.add(candidate);
      const before = { ...cpuOf(candidate.pids), busy: busySeconds() };
      const result = await run(durationMs);
      const after = { ...cpuOf(candidate.pids), busy: busySeconds() };
      samples.push(sampleOf(result, before, after));
    }
  }
  return rows.map((row) => ({ ...row, candidate: row.candidate.name }));
}

let seeds = 0;

/** In no other run of any process: contents are made of it. */
function newSeed(): string {
  return `${process.pid.toString(36)}-${Date.now().toString(36)}-${seeds++}`;
}

type Seconds = Readonly<Record<string, number>> & { readonly busy: number };

/** `before` and `after`: CPU time by role, and that of the whole machine. */
function sampleOf({ requests, seconds, ...result }: LoadResult, before: Seconds, after: Seconds): Sample {
  const { busy, ...roles } = before;
  const spent: Record<string, number> = {};
  for (const [role, time] of Object.entries(roles)) spent[role] = (after[role] ?? 0) - time;
  spent['load'] = result.cpuSeconds;
  const counted = Object.values(spent).reduce((sum, time) => sum + time, 0);
  return {
    perSecond: requests / seconds,
    statuses: result.statuses,
    latencyMs: result.latencyMs,
    cpuMicroseconds: Object.fromEntries(Object.entries(spent).map(([role, time]) => [role, (time / requests) * 1e6])),
    coresOfOthers: (after.busy - busy - counted) / seconds,
  };
}

function cpuOf(pids: Candidate['pids']): Record<string, number> {
  return Object.fromEntries(
    Object.entries(pids).map(([role, list]) => [role, list.reduce((sum, pid) => sum + cpuSeconds(pid), 0)]),
  );
}
