// Red controls: a part of the product taken out, and a scenario in which that must be seen.
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { LOCKS_STOLEN } from './scenarios/instances.ts';
import type { TrialResult } from './trial.ts';

export const CONTROLS = ['acks-0', 'acks-1', 'no-index', 'no-token', 'no-replay'] as const;

/** What is taken out of the product, so that there is something to find. */
export type Control = (typeof CONTROLS)[number];

export type ControlPlan = {
  readonly scenario: Scenario;
  /** What was seen of it, or null: then the suite is blind. */
  readonly red: (result: TrialResult) => string | null;
};

const quiet: Scenario = {
  name: 'no-fault',
  row: '-',
  what: 'no fault at all',
  mustSee: [],
  run: (chaos) => chaos.rest(3_000),
};

/** The scenario that must show that this is missing. */
export function planOf(control: Control): ControlPlan {
  switch (control) {
    case 'acks-0':
    case 'acks-1':
      return { scenario: named('minority'), red: (result) => counted(result, 'lost', 'acknowledged contents lost') };
    case 'no-index':
      return {
        scenario: quiet,
        red: (result) => counted(result, 'duplicate', 'contents stored or acknowledged twice'),
      };
    case 'no-token':
      // The index alone keeps contents unique; what the token check adds is that a robbed writer is told so.
      return {
        scenario: named('lock-stolen'),
        red: ({ evidence, why }) =>
          evidence.locksLost === 0 && evidence.facts.has(LOCKS_STOLEN)
            ? `locks stolen and unnoticed (${why.join('; ')})`
            : null,
      };
    case 'no-replay':
      return {
        scenario: named('reply-lost'),
        red: (result) => counted(result, 'selfDuplicate', 'saves answered as duplicates of themselves'),
      };
  }
}

function counted({ findings }: TrialResult, kind: 'lost' | 'duplicate' | 'selfDuplicate', what: string): string | null {
  const count = findings?.counts[kind] ?? 0;
  return count > 0 ? `${count} ${what}` : null;
}

function named(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`There is no scenario "${name}".`);
  return scenario;
}
