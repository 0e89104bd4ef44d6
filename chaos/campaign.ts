// Runs scenarios one after the other on one system, and a new one after something was found.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Control } from './controls.ts';
import { renderFindings } from './findings.ts';
import { Journal } from './journal.ts';
import { isInNamespace } from './namespace.ts';
import type { NotRun } from './report.ts';
import type { Scenario } from './scenario.ts';
import { System } from './system.ts';
import { runTrial, type TrialResult } from './trial.ts';

/** How often a scenario whose fault did not bite is tried again, with another seed. */
const RETRIES_OF_VOID = 2;
/** Of the trials that share a system; reading back takes longer the more is stored. */
const MAX_ATTEMPTS = 300_000;

export type CampaignOptions = {
  readonly seed: number;
  readonly rate: number;
  readonly control?: Control | undefined;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
};

type Current = { readonly system: System; readonly journal: Journal; readonly dir: string };

/** Owns the running system and the directory of its data; what was found is kept when it is disposed of. */
export class Campaign implements AsyncDisposable {
  readonly results: TrialResult[] = [];
  readonly notRun: NotRun[] = [];
  readonly #options: CampaignOptions;
  #seed: number;
  #current: Current | null = null;

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#seed = options.seed;
  }

  /**
   * Runs a scenario until its result is enough, by default until its fault has bitten, a few times at most. Returns the
   * last result, or null when it cannot be run here.
   */
  async run(
    scenario: Scenario,
    isEnough = ({ verdict }: TrialResult): boolean => verdict !== 'void',
  ): Promise<TrialResult | null> {
    const { say, signal, rate } = this.#options;
    for (let tries = 0; ; tries++) {
      signal.throwIfAborted();
      if (scenario.needs?.includes('namespace') === true && !isInNamespace()) {
        this.#skip(scenario, 'needs a network namespace (Linux, iptables, and root or user namespaces)');
        return null;
      }
      const { system, journal } = (this.#current ??= await this.#start());
      const seed = this.#seed++;
      say(`--- ${scenario.name} (row ${scenario.row}, seed ${seed}): ${scenario.what}`);
      const result = await runTrial(scenario, { system, journal, seed, rate, say });
      this.results.push(result);
      say(`--- ${scenario.name}: ${[result.verdict, ...result.why].join('; ')}`);
      if (result.verdict === 'red' || result.verdict === 'dead') await this.#keep(result);
      else if (journal.length > MAX_ATTEMPTS) await this.#stop();
      if (isEnough(result) || tries === RETRIES_OF_VOID) return result;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  async #start(): Promise<Current> {
    const { control, say, signal } = this.#options;
    const dir = mkdtempSync(join(tmpdir(), 'items-chaos-'));
    try {
      return { system: await System.start({ dir, control, say, signal }), journal: new Journal(), dir };
    } catch (error) {
      rmSync(dir, { recursive: true, force: true });
      throw error;
    }
  }

  async #stop(): Promise<void> {
    const current = this.#current;
    this.#current = null;
    if (current === null) return;
    await current.system[Symbol.asyncDispose]();
    rmSync(current.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Puts everything that shows what happened into a directory that stays, and says where; the system has served its time. */
  async #keep({ scenario, seed, findings }: TrialResult): Promise<void> {
    const { control, say } = this.#options;
    // A red control is red on purpose.
    if (this.#current !== null && control === undefined) {
      const { system, journal } = this.#current;
      const to = mkdtempSync(join(tmpdir(), `items-chaos-found-${scenario.name}-${seed}-`));
      system.keep(to);
      await journal.writeTo(join(to, 'journal.jsonl'));
      say(`Journal, logs and data of ${scenario.name}, seed ${seed}: ${to}`);
    }
    if (findings !== null && !findings.clean) say(renderFindings(findings));
    await this.#stop();
  }

  #skip(scenario: Scenario, why: string): void {
    this.#options.say(`--- ${scenario.name}: not run, ${why}`);
    if (!this.notRun.some((one) => one.scenario === scenario)) this.notRun.push({ scenario, why });
  }
}
