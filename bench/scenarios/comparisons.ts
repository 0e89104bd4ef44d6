// Scenarios in which everybody does the same work over HTTP.
import { startCandidates } from '../candidate.ts';
import { compare, type Shape } from '../compare.ts';
import type { Contents } from '../load-job.ts';
import { perSecond, type Row, spread } from '../report.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';

const CONNECTIONS = 64;
const PEERS = ['ours', 'empty', 'usual', 'postgres'];

type Cases = readonly (readonly [name: string, shape: Shape])[];

const saves = (connections: number, contents: Contents = 'unique', contentBytes = 100): Shape => ({
  connections,
  work: { kind: 'save', contents, contentBytes },
});

async function runCases(
  { workshop, times, say }: ScenarioContext,
  peers: readonly string[],
  cases: Cases,
): Promise<Row[]> {
  const candidates = await startCandidates(workshop, peers, say);
  const rows: Row[] = [];
  for (const [name, shape] of cases) {
    for (const row of await compare({ name, shape, candidates }, times, workshop.load)) {
      rows.push(row);
      say(`${name}, ${row.candidate}: ${Math.round(spread(row, perSecond).median)}/s`);
    }
  }
  return rows;
}

export const main: Scenario = {
  name: 'main',
  title: 'New contents of 100 bytes over 64 connections',
  about: 'Every content is new. `usual, our redis.conf` is the usual service over a Redis with the settings of ours.',
  run: async (context) => ({
    rows: await runCases(
      { ...context, times: { ...context.times, rounds: context.times.rounds + 2 } },
      [...PEERS, 'usual, our redis.conf'],
      [['64 connections', saves(CONNECTIONS)]],
    ),
  }),
};

export const connections: Scenario = {
  name: 'connections',
  title: 'More and fewer connections',
  about: 'New contents of 100 bytes. With one connection there is one save at a time: what is seen is latency.',
  run: async (context) => ({
    rows: await runCases(
      context,
      PEERS,
      [1, 16, 256].map((n) => [n === 1 ? '1 connection' : `${n} connections`, saves(n)] as const),
    ),
  }),
};

export const duplicates: Scenario = {
  name: 'duplicates',
  title: 'Duplicates',
  about:
    'Half: every other content was posted about 1,000 requests before. Hot: all connections post the same content all the time.',
  run: async (context) => ({
    rows: await runCases(context, PEERS, [
      ['half are duplicates', saves(CONNECTIONS, 'half')],
      ['one hot content', saves(CONNECTIONS, 'hot')],
    ]),
  }),
};

export const floor: Scenario = {
  name: 'floor',
  title: 'What is there before anything is saved',
  about: `\`http-only\` is our HTTP side alone: checks, identity, digest, measurements, answer and log line, and a save
that is decided at once (bench/peers/http-only.ts). What \`ours\` takes above it is the save. [costs.md](costs.md) reads this table.`,
  run: async (context) => ({
    rows: await runCases(
      context,
      ['ours', 'http-only', 'http-only, no log', 'empty'],
      [
        ['new contents', saves(CONNECTIONS)],
        ['one hot content', saves(CONNECTIONS, 'hot')],
      ],
    ),
  }),
};

export const sizes: Scenario = {
  name: 'sizes',
  title: 'Bigger contents',
  about: 'New contents over 64 connections.',
  run: async (context) => ({
    rows: await runCases(context, PEERS, [
      ['1 KB', saves(CONNECTIONS, 'unique', 1_024)],
      ['16 KB', saves(CONNECTIONS, 'unique', 16_384)],
    ]),
  }),
};

export const halfLoad: Scenario = {
  name: 'half-load',
  title: 'Latency at half of the maximum',
  about:
    'First each is asked as fast as it answers, then at half of that rate: requests come due by the clock, and latency counts from then, so that a pause costs all who would have come in it.',
  async run({ workshop, times, say }) {
    const rows: Row[] = [];
    for (const candidate of await startCandidates(workshop, PEERS, say)) {
      const run = async (name: string, shape: Shape): Promise<Row> => {
        const [row] = await compare({ name, shape, candidates: [candidate] }, times, workshop.load);
        if (row === undefined) throw new Error('nothing was measured');
        rows.push(row);
        return row;
      };
      const most = await run('as fast as answered', saves(CONNECTIONS));
      const rate = Math.round(spread(most, perSecond).median / 2);
      say(`${candidate.name}: at ${rate} requests/s`);
      await run('at half of it', { ...saves(256), perSecond: rate });
    }
    return { rows };
  },
};
