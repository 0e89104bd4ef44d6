// A steady load for as long as one likes, and the memory of the instance meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { instanceOf, startOurs } from '../candidate.ts';
import type { Series } from '../report.ts';
import type { Scenario } from '../scenario.ts';

const RATE = 1_000;
const SAMPLE_EVERY_MS = 5_000;
/** Caches and optimised code are there by then. */
const SETTLED_SHARE = 0.25;

export const soak: Scenario = {
  name: 'soak',
  title: 'Memory of an instance over time',
  about: `${RATE.toLocaleString('en')} posts a second come due at one instance, half of them duplicates. Heap and resident
memory are read from its /metrics every ${SAMPLE_EVERY_MS / 1_000} s. The slope is that of a straight line through the
samples behind the first quarter.`,
  async run({ workshop, minutes, say }) {
    const ours = instanceOf(await startOurs(workshop, { redisArgs: ['--maxmemory', '4gb'] }));
    const durationMs = minutes * 60_000;
    const over = new AbortController();
    const load = workshop.load
      .run({
        url: ours.url,
        work: { kind: 'save', contents: 'half', contentBytes: 100 },
        connections: 64,
        perSecond: RATE,
        durationMs,
        seed: 'soak',
      })
      .finally(() => over.abort());
    const heap: [number, number][] = [];
    const resident: [number, number][] = [];
    const startedMs = performance.now();
    while (!over.signal.aborted) {
      const text = await (await fetch(`${ours.url}/metrics`)).text();
      const megabytes = (name: string): number => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]) / 1e6;
      const minute = (performance.now() - startedMs) / 60_000;
      heap.push([minute, megabytes('nodejs_heap_size_used_bytes')]);
      resident.push([minute, megabytes('process_resident_memory_bytes')]);
      if (heap.length % 12 === 0) say(`${minute.toFixed(0)} min: resident ${resident.at(-1)?.[1].toFixed(0)} MB`);
      await Promise.race([sleep(SAMPLE_EVERY_MS), load]);
    }
    const { statuses } = await load;
    const series: Series[] = [
      { name: 'resident memory, MB', points: resident },
      { name: 'heap used, MB', points: heap },
    ];
    const figures = Object.fromEntries(
      series.map(({ name, points }) => [
        `${name} per hour`,
        slope(points.slice(Math.floor(points.length * SETTLED_SHARE))) * 60,
      ]),
    );
    return { series, figures: { minutes, ...figures }, notes: [`Answers: ${JSON.stringify(statuses)}.`] };
  },
};

/** Of the straight line that is nearest to the points. */
function slope(points: Series['points']): number {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const above = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return above / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
