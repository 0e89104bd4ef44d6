// The command line of `npm run chaos`.
import { parseArgs } from 'node:util';
import { wholeNumber } from '../stack/up-flags.ts';
import { CONTROLS, type Control } from './controls.ts';
import { SCENARIOS } from './scenarios/all.ts';

export const CHAOS_HELP = `npm run chaos -- [options]

Runs the whole system, does it harm under load, and holds what clients were told against what is stored.

  --list          the scenarios, and what of the fault matrix is not here
  --only A,B      these scenarios and no others
  --seed N        picks victims and times; the same seed picks the same (by default random, and printed)
  --minutes M     go on with rounds of scenarios for so long, 1 to 1440 (one round)
  --rate R        requests per second, 10 to 5000 (250)
  --control C     take a part out of the product and see the checker find it: ${CONTROLS.join(', ')}
  --write         write the table of results into docs/guarantees.md
  --help          this text`;

export type ChaosFlags = {
  readonly help: boolean;
  readonly list: boolean;
  readonly only: readonly string[] | null;
  readonly seed: number;
  readonly minutes: number | null;
  readonly rate: number;
  readonly control: Control | null;
  readonly write: boolean;
};

/** Throws an error with one clear sentence for what it does not understand. */
export function parseChaosFlags(args: readonly string[]): ChaosFlags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      list: { type: 'boolean', default: false },
      only: { type: 'string' },
      seed: { type: 'string', default: `${Math.floor(Math.random() * 1_000_000)}` },
      minutes: { type: 'string' },
      rate: { type: 'string', default: '250' },
      control: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const only = values.only?.split(',').map((name) => name.trim()) ?? null;
  const names = SCENARIOS.map(({ name }) => name);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`There is no scenario "${unknown}"; --list shows them.`);
  const control = CONTROLS.find((name) => name === values.control) ?? null;
  if (values.control !== undefined && control === null) {
    throw new Error(`--control must be one of ${CONTROLS.join(', ')}, not "${values.control}".`);
  }
  return {
    help: values.help,
    list: values.list,
    only,
    seed: wholeNumber('--seed', values.seed, 0, 2 ** 32 - 1),
    minutes: values.minutes === undefined ? null : wholeNumber('--minutes', values.minutes, 1, 1440),
    rate: wholeNumber('--rate', values.rate, 10, 5000),
    control,
    write: values.write,
  };
}
