// The command line of `npm run bench`.
import { parseArgs } from 'node:util';
import { wholeNumber } from '../stack/up-flags.ts';
import type { Contents } from './load-job.ts';
import { SCENARIOS } from './scenarios/all.ts';

export const BENCH_HELP = `npm run bench -- [options]

Measures the service beside its peers on the same work, in turn, and prints what it found.

  --all           every scenario but the soak, and writes docs/benchmarks.md
  --only A,B      these scenarios; the other parts of docs/benchmarks.md stay
  --quick         shorter and with less data; writes nothing
  --list          the scenarios
  --items N       the most items in a store, 10000 to 100000000 (10000000, which takes 7 GB of memory)
  --minutes M     how long a soak goes on, 1 to 1440 (60)
  --help          this text

Without --all and --only one comparison, of:

  --peers A,B     of ours, http-only, empty, usual, postgres (ours,empty,usual)
  --connections N 1 to 1000 (64)
  --bytes N       of each content, 60 to 65536 (100)
  --contents C    unique, half or hot (unique)

For all:

  --rounds N      1 to 100 (7)
  --seconds S     of each round, 1 to 60 (2)`;

export type BenchFlags = {
  readonly help: boolean;
  readonly list: boolean;
  /** Names of scenarios, or null for one comparison. */
  readonly scenarios: readonly string[] | null;
  readonly quick: boolean;
  readonly items: number;
  readonly minutes: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly peers: readonly string[];
  readonly connections: number;
  readonly bytes: number;
  readonly contents: Contents;
};

/** Throws an error with one clear sentence for what it does not understand. */
export function parseBenchFlags(args: readonly string[]): BenchFlags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      list: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      items: { type: 'string', default: '10000000' },
      minutes: { type: 'string', default: '60' },
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '2' },
      peers: { type: 'string', default: 'ours,empty,usual' },
      connections: { type: 'string', default: '64' },
      bytes: { type: 'string', default: '100' },
      contents: { type: 'string', default: 'unique' },
    },
  });
  const names = SCENARIOS.map(({ name }) => name);
  const only = values.only?.split(',').map((name) => name.trim());
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`There is no scenario "${unknown}"; there are ${names.join(', ')}.`);
  const contents = (['unique', 'half', 'hot'] as const).find((name) => name === values.contents);
  if (contents === undefined) throw new Error(`--contents must be unique, half or hot, not "${values.contents}".`);
  return {
    help: values.help,
    list: values.list,
    // A soak takes as long as it is told to, so it is asked for by name.
    scenarios: only ?? (values.all ? names.filter((name) => name !== 'soak') : null),
    quick: values.quick,
    items: wholeNumber('--items', values.items, 10_000, 100_000_000),
    minutes: wholeNumber('--minutes', values.minutes, 1, 1_440),
    rounds: wholeNumber('--rounds', values.rounds, 1, 100),
    seconds: wholeNumber('--seconds', values.seconds, 1, 60),
    peers: values.peers.split(','),
    connections: wholeNumber('--connections', values.connections, 1, 1_000),
    bytes: wholeNumber('--bytes', values.bytes, 60, 65_536),
    contents,
  };
}
