// What a save costs, held against what doing nothing costs. The one test that is about time: CPU time, and only ratios.
import { expect, test } from 'vitest';
import { startCandidates } from '../../bench/candidate.ts';
import { compare } from '../../bench/compare.ts';
import { cpuOfRole, type Row, spread } from '../../bench/report.ts';
import { Workshop } from '../../bench/workshop.ts';

/**
 * About twice what was measured when these were set (3.4 and 1.1), so that a doubling is noticed. Each number is the smallest of all
 * rounds: others who are at work only add to it. With two cores shared by four who measured and tested at the same time
 * the medians of nine rounds were 15 % and more above what they are on an idle machine, and these 6 %.
 */
const MOST_API = 7;
const MOST_MASTER = 2.5;

// CPU time is read from /proc.
test.skipIf(process.platform !== 'linux')(
  'a save takes no more than its multiple of the CPU of an empty post',
  { timeout: 180_000 },
  async () => {
    await using workshop = await Workshop.open();
    const candidates = await startCandidates(workshop, ['ours', 'empty'], console.log);
    const shape = { connections: 64, work: { kind: 'save', contents: 'unique', contentBytes: 100 } } as const;
    // Short rounds in turn: what disturbs the machine for a while disturbs both.
    const times = { rounds: 7, warmUpMs: 1_000, durationMs: 1_000 };
    const [ours, empty] = await compare({ name: '', shape, candidates }, times, workshop.load);
    expect([...new Set(ours?.samples.flatMap(({ statuses }) => Object.keys(statuses)))]).toEqual(['201']);
    const api = cpuMicroseconds(ours, 'api') / cpuMicroseconds(empty, 'api');
    const master = cpuMicroseconds(ours, 'database') / cpuMicroseconds(empty, 'api');
    console.log(`CPU of a save ÷ that of an empty post: API ${api.toFixed(2)}, Redis master ${master.toFixed(2)}`);
    expect(api).toBeLessThan(MOST_API);
    expect(master).toBeLessThan(MOST_MASTER);
  },
);

/** Of the round that was disturbed least. */
function cpuMicroseconds(row: Row | undefined, role: string): number {
  if (row === undefined) throw new Error('a candidate was not measured');
  return spread(row, cpuOfRole(role)).min;
}
