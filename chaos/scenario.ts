// What a scenario is: a fault, what must have been seen of it, and what it needs of the machine.
import type { Chaos } from './chaos.ts';
import type { Evidence } from './evidence.ts';

/** Without it a scenario cannot be run here. */
export type Need = 'namespace';

/** Something that must have been seen, or the fault did not bite and the run proves nothing. */
export type Sign = { readonly what: string; readonly seen: (evidence: Evidence) => boolean };

export type Scenario = {
  readonly name: string;
  /** Its row in the fault matrix of docs/guarantees.md. */
  readonly row: string;
  readonly what: string;
  readonly needs?: readonly Need[];
  /** Clients at each instance too, past nginx: on both sides of a cut, and on the wrong side of it. */
  readonly direct?: boolean;
  /** Clients may notice nothing but a longer wait: every request gets an answer, and none of them is a 5xx. */
  readonly unnoticed?: boolean;
  readonly mustSee: readonly Sign[];
  /** Does the harm and undoes it, as far as that is not done by itself; heals and restarts come behind it anyway. */
  readonly run: (chaos: Chaos) => Promise<void>;
};

export const failover: Sign = { what: 'a failover', seen: ({ failovers }) => failovers > 0 };
export const twoFailovers: Sign = { what: 'two failovers', seen: ({ failovers }) => failovers > 1 };
export const noFailover: Sign = { what: 'no failover', seen: ({ failovers }) => failovers === 0 };
export const unconfirmed: Sign = { what: 'an unconfirmed commit', seen: (evidence) => evidence.unconfirmed > 0 };
export const lostLock: Sign = { what: 'a lost lock', seen: ({ locksLost }) => locksLost > 0 };
export const replay: Sign = { what: 'a replayed save', seen: ({ replayed }) => replayed > 0 };
export const reconnect: Sign = { what: 'a reconnect', seen: ({ reconnects }) => reconnects > 0 };

/** Commits that were not confirmed for this reason, as the instances name it. */
export function reason(name: string): Sign {
  return { what: `an unconfirmed commit (${name})`, seen: ({ reasons }) => (reasons[name] ?? 0) > 0 };
}

/** What the scenario itself reports with `chaos.fact`. */
export function fact(name: string): Sign {
  return { what: name, seen: ({ facts }) => facts.has(name) };
}

/** The signs that are missing. */
export function missingSigns({ mustSee }: Scenario, evidence: Evidence): string[] {
  return mustSee.filter((sign) => !sign.seen(evidence)).map(({ what }) => what);
}
