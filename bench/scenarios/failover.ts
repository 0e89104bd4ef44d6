// The master is killed for good in the middle of a steady load.
import { setTimeout as sleep } from 'node:timers/promises';
import { startOurs } from '../candidate.ts';
import { type LoadResult, MOMENT_MS } from '../load-job.ts';
import { type Series, spreadOf } from '../report.ts';
import type { Scenario } from '../scenario.ts';

const KILLED_AFTER_MS = 5_000;
const RATE = 500;

export const failover: Scenario = {
  name: 'failover',
  title: 'The master is killed',
  about: `${RATE} new contents a second come due at nginx with two instances behind it, and latency counts from when each was
due. After ${KILLED_AFTER_MS / 1_000} s the master is killed with SIGKILL and stays dead; Sentinel takes a node for dead after
2 s. The gap is the longest time without a 201, to a tenth of a second.`,
  async run({ workshop, times, quick, say }) {
    const stack = await startOurs(workshop, { instances: 2 });
    const gaps: number[] = [];
    const statuses: Record<string, number> = {};
    let series: Series[] = [];
    for (let round = 0; round < times.rounds; round++) {
      const master = await stack.redis.masterNode();
      const running = workshop.load.run({
        url: stack.url,
        work: { kind: 'save', contents: 'unique', contentBytes: 100 },
        connections: 64,
        perSecond: RATE,
        durationMs: 20_000,
        seed: `failover-${round}`,
      });
      await sleep(KILLED_AFTER_MS);
      await master.kill();
      const result = await running;
      gaps.push(longestGapMs(result) / 1_000);
      for (const [status, n] of Object.entries(result.statuses)) statuses[status] = (statuses[status] ?? 0) + n;
      series = seriesOf(result);
      say(`gap ${gaps.at(-1)} s, ${JSON.stringify(result.statuses)}`);
      if (quick || round === times.rounds - 1) break;
      await master.start();
      await stack.redis.settled();
    }
    return {
      figures: { 'gap in seconds, median': spreadOf(gaps).median, 'gap in seconds, longest': Math.max(...gaps) },
      series,
      notes: [
        `Gaps: ${gaps.map((gap) => `${gap.toFixed(1)} s`).join(', ')}. Answers: ${Object.entries(statuses)
          .map(([status, n]) => `${n.toLocaleString('en')} × ${status}`)
          .join(', ')}.`,
      ],
    };
  },
};

function longestGapMs({ timeline }: LoadResult): number {
  let longest = 0;
  let current = 0;
  for (const { saved } of timeline) {
    current = saved === 0 ? current + MOMENT_MS : 0;
    longest = Math.max(longest, current);
  }
  return longest;
}

function seriesOf({ timeline }: LoadResult): Series[] {
  const perMoment = MOMENT_MS / 1_000;
  return [
    { name: 'longest latency, ms', points: timeline.map(({ maxLatencyMs }, i) => [i * perMoment, maxLatencyMs]) },
    { name: 'saves in 0.1 s', points: timeline.map(({ saved }, i) => [i * perMoment, saved]) },
  ];
}
