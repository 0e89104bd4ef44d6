// Many items with one request: a JSON batch of 100, and a stream of lines.
import { instanceOf, startOurs } from '../candidate.ts';
import { compare } from '../compare.ts';
import { sendLines } from '../line-stream.ts';
import { perSecond, spread, spreadOf } from '../report.ts';
import type { Scenario } from '../scenario.ts';

const ITEMS = 100;

export const batches: Scenario = {
  name: 'batches',
  title: 'Batches and streams',
  about: `Per request, so for ${ITEMS} items each: \`POST /v1/items/batch\` with ${ITEMS} new contents of 100 bytes, over 8
connections. Per line: one stream of lines of 100 bytes to one instance, all of them new contents, and a fifth of them
new.`,
  async run({ workshop, times, quick, say }) {
    const stack = await startOurs(workshop, { redisArgs: ['--maxmemory', '4gb'] });
    const ours = instanceOf(stack);
    const shape = { connections: 8, work: { kind: 'batch', items: ITEMS, contentBytes: 100 } } as const;
    const rows = await compare({ name: `batches of ${ITEMS}`, shape, candidates: [ours] }, times, workshop.load);
    const batched = rows.map((row) => spread(row, perSecond).median)[0] ?? Number.NaN;
    const figures: Record<string, number> = { 'items per second in batches': batched * ITEMS };
    const [instancePid] = ours.pids['api'] ?? [];
    if (instancePid === undefined) throw new Error('there is no instance');
    for (const newEvery of [1, 5]) {
      const what = newEvery === 1 ? 'all new' : `one of ${newEvery} new`;
      const results = [];
      for (let round = 0; round < times.rounds; round++) {
        const seed = `${what.slice(0, 3)}${round}`.replaceAll(' ', '-');
        const lines = quick ? 50_000 : 250_000;
        const result = await sendLines({ url: ours.url, instancePid, lines, lineBytes: 100, newEvery, seed });
        if (result.failed > 0 || !result.complete) throw new Error('the stream failed');
        say(`lines, ${what}: ${Math.round(result.lines / result.seconds)}/s`);
        results.push(result);
      }
      figures[`lines per second, ${what}`] = spreadOf(results.map(({ lines, seconds }) => lines / seconds)).median;
      figures[`CPU µs of the instance per line, ${what}`] = spreadOf(
        results.map((one) => one.cpuMicrosecondsPerLine),
      ).median;
      figures[`peak memory of the instance in MB, ${what}`] = spreadOf(
        results.map((one) => one.peakMemoryBytes / 1e6),
      ).median;
    }
    return { rows, figures };
  },
};
