// One scenario from beginning to verdict: load, harm, healing, and the question whether anything was lost.
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../stack/wait.ts';
import { Chaos } from './chaos.ts';
import { check } from './checker.ts';
import { Dice } from './dice.ts';
import { type Evidence, Witness } from './evidence.ts';
import type { Findings } from './findings.ts';
import type { Journal } from './journal.ts';
import { type Load, startLoad } from './load.ts';
import type { LoadStats } from './load-stats.ts';
import { untilQuiet } from './quiet.ts';
import { readCopy, readListing } from './read-back.ts';
import { missingSigns, type Scenario } from './scenario.ts';
import type { System } from './system.ts';

/** After healing, every instance must have saved something within this time. */
const LIVENESS_MS = 15_000;
/** And after the load the set must be whole again within this time. */
const SETTLE_MS = 60_000;
const WARM_UP_SAVES = 100;
const CLIENTS = 32;

/** red: something is wrong with what is stored or was answered; void: the fault did not bite; dead: not well again after healing. */
export type Verdict = 'green' | 'red' | 'void' | 'dead';

export type TrialResult = {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly verdict: Verdict;
  /** Why it is not green, one sentence each. */
  readonly why: readonly string[];
  readonly faults: number;
  readonly load: LoadStats;
  readonly evidence: Evidence;
  readonly findings: Findings | null;
};

export type TrialOptions = {
  readonly system: System;
  /** Of all trials since the system was started: what is stored is theirs together. */
  readonly journal: Journal;
  readonly seed: number;
  readonly rate: number;
  readonly say: (line: string) => void;
};

export async function runTrial(scenario: Scenario, options: TrialOptions): Promise<TrialResult> {
  const { system, journal, seed, rate, say } = options;
  const { stack } = system;
  const why: string[] = [];
  let verdict: Verdict = 'green';
  const worse = (to: Verdict, reason: string): void => {
    why.push(reason);
    // What is wrong outweighs what is missing.
    if (verdict !== 'red') verdict = to;
  };
  await using witness = await Witness.start({ instances: stack.instances, sentinels: stack.redis.sentinelNodes });
  const urls = [stack.url, ...(scenario.direct === true ? stack.instances.map(({ url }) => url) : [])];
  const load = startLoad({ urls, clients: CLIENTS, requestsPerSecond: rate, seed, journal });
  const stopSaying = sayEverySecond(scenario, load, say);
  const { network, clockDir } = system;
  const dice = new Dice(seed);
  const chaos = new Chaos({ stack, network, dice, witness, clockDir, saved: () => load.stats().saved, say });
  try {
    await chaos.savedMore(WARM_UP_SAVES);
    await scenario.run(chaos);
  } catch (error) {
    worse('void', (error as Error).message);
  }
  try {
    await chaos.recover();
    const healedAtMs = performance.now();
    await everybodySaves(stack.instances, witness);
    say(`every instance saves again ${((performance.now() - healedAtMs) / 1_000).toFixed(1)} s after healing`);
    // What was saved while it was healing has to survive too.
    await sleep(1_000);
  } catch (error) {
    worse('dead', (error as Error).message);
  }
  stopSaying();
  await load.stop();
  say(`checking ${journal.length} requests`);
  // A Sentinel that sees another master for good is no loss of data, but the next fault may become one.
  await stack.redis.settled(SETTLE_MS).catch((error: Error) => worse('dead', error.message));
  const findings = await readBack(system, journal).catch((error: Error) => {
    worse('red', error.message);
    return null;
  });
  if (findings !== null && !findings.clean) worse('red', describe(findings));
  const stats = load.stats();
  const noticed = errorsOf(stats) + stats.unknown;
  if (scenario.unnoticed === true && noticed > 0) worse('red', `${noticed} requests failed, and none should have`);
  for (const ended of chaos.endedByThemselves) worse('red', ended);
  // Every role must get through a fault with the rights that it has.
  for (const refused of await stack.redis.refused()) worse('red', `refused by ${refused}`);
  const { evidence } = witness;
  for (const sign of missingSigns(scenario, evidence)) worse('void', `not seen: ${sign}`);
  return { scenario, seed, verdict, why, faults: chaos.faults, load: stats, evidence, findings };
}

async function everybodySaves(instances: System['stack']['instances'], witness: Witness): Promise<void> {
  const before = new Map(instances.map((instance) => [instance, witness.savedBy(instance)]));
  const haveSaved = (): boolean => instances.every((one) => witness.savedBy(one) > (before.get(one) ?? 0));
  await waitFor(haveSaved, { timeoutMs: LIVENESS_MS, what: 'not every instance saved something after healing' });
}

async function readBack({ stack }: System, journal: Journal): Promise<Findings> {
  await untilQuiet(stack);
  const copies = [];
  for (const node of stack.redis.nodes) copies.push(await readCopy({ node, prefix: '' }));
  return check({ attempts: journal, copies, listing: await readListing(stack.url) });
}

function describe({ counts }: Findings): string {
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  return found.map(([kind, count]) => `${count} × ${kind}`).join(', ');
}

function sayEverySecond({ name }: Scenario, load: Load, say: (line: string) => void): () => void {
  let before = 0;
  const timer = setInterval(() => {
    const stats = load.stats();
    const { saved, unknown, longestGapMs } = stats;
    const gap = (longestGapMs / 1_000).toFixed(1);
    say(`  ${name}: ${saved - before} saves/s, longest gap ${gap} s, ${errorsOf(stats)} × 5xx, ${unknown} unknown`);
    before = saved;
  }, 1_000);
  return () => clearInterval(timer);
}

/** Answers of status 500 and above that clients got. */
export function errorsOf({ refused }: Pick<LoadStats, 'refused'>): number {
  const errors = Object.entries(refused).filter(([status]) => Number.parseInt(status, 10) >= 500);
  return errors.reduce((sum, [, count]) => sum + count, 0);
}
