// What really happened while a fault was on: counted from outside, so that a fault that did not bite is noticed.
import { setTimeout as sleep } from 'node:timers/promises';
import { askRedis, fields } from '../stack/ask-redis.ts';
import type { Instance } from '../stack/instance.ts';
import type { RedisNode } from '../stack/redis-node.ts';

const EVERY_MS = 250;

/** Counters of the instances that tell of trouble, summed over their labels and over all instances. */
const COUNTERS = {
  unconfirmed: /^replication_ack_failures_total\{.*\} (\d+)/gm,
  locksLost: /^content_lock_lost_total (\d+)/gm,
  replayed: /^item_saves_total\{outcome="replayed",.*\} (\d+)/gm,
  saved: /^item_saves_total\{outcome="saved",.*\} (\d+)/gm,
  reconnects: /^redis_reconnects_total\{.*\} (\d+)/gm,
  masterChanges: /^redis_master_changes_total (\d+)/gm,
} as const;
type Counter = keyof typeof COUNTERS;

/** Why commits were not confirmed, by the label of replication_ack_failures_total. */
const REASON = /^replication_ack_failures_total\{reason="(\w+)"\} (\d+)/gm;

/** What was seen since the beginning of the scenario. */
export type Evidence = Readonly<Record<Counter, number>> & {
  /** By how much the Sentinels' epoch of the configuration has grown: one for each failover. */
  readonly failovers: number;
  readonly reasons: Readonly<Record<string, number>>;
  /** What a scenario has seen for itself. */
  readonly facts: ReadonlySet<string>;
};

type Watched = { readonly instances: readonly Instance[]; readonly sentinels: readonly RedisNode[] };

/** Samples the metrics of the instances and the Sentinels' epoch until it is stopped. */
export class Witness implements AsyncDisposable {
  readonly facts = new Set<string>();
  readonly #watched: Watched;
  /** Last value of each series; one that falls belongs to a process that was started anew. */
  readonly #last = new Map<string, number>();
  readonly #sums = new Map<string, number>();
  readonly #savedBy = new Map<string, number>();
  #firstEpoch: number | null = null;
  #epoch = 0;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(watched: Watched) {
    this.#watched = watched;
  }

  static async start(watched: Watched): Promise<Witness> {
    const witness = new Witness(watched);
    await witness.#sample();
    // What was counted before the scenario is not its own.
    witness.#sums.clear();
    witness.#savedBy.clear();
    witness.#running = witness.#run();
    return witness;
  }

  get evidence(): Evidence {
    const counters = Object.fromEntries(Object.keys(COUNTERS).map((name) => [name, this.#sums.get(name) ?? 0]));
    const reasons = [...this.#sums].flatMap(([name, n]) =>
      name.startsWith('reason:') && n > 0 ? [[name.slice(7), n]] : [],
    );
    return {
      ...(counters as Record<Counter, number>),
      reasons: Object.fromEntries(reasons) as Record<string, number>,
      failovers: this.#epoch - (this.#firstEpoch ?? this.#epoch),
      facts: this.facts,
    };
  }

  /** How much this instance has saved since the scenario began, over all its processes. */
  savedBy(instance: Instance): number {
    return this.#savedBy.get(instance.name) ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await sleep(EVERY_MS);
      await this.#sample();
    }
  }

  async #sample(): Promise<void> {
    const { instances, sentinels } = this.#watched;
    await Promise.allSettled([
      ...instances.map((one) => this.#readMetrics(one)),
      ...sentinels.map((one) => this.#readEpoch(one)),
    ]);
  }

  async #readMetrics(instance: Instance): Promise<void> {
    const answer = await fetch(`${instance.url}/metrics`, { signal: AbortSignal.timeout(1_000) });
    const text = await answer.text();
    for (const [name, pattern] of Object.entries(COUNTERS)) {
      const value = text.matchAll(pattern).reduce((sum, [, n]) => sum + Number(n), 0);
      const grown = this.#count(instance.name, name, value);
      if (name === 'saved') this.#savedBy.set(instance.name, (this.#savedBy.get(instance.name) ?? 0) + grown);
    }
    for (const [, reason, n] of text.matchAll(REASON)) this.#count(instance.name, `reason:${reason}`, Number(n));
  }

  #count(instance: string, name: string, value: number): number {
    const series = `${instance} ${name}`;
    const last = this.#last.get(series) ?? 0;
    this.#last.set(series, value);
    const grown = value >= last ? value - last : value;
    this.#sums.set(name, (this.#sums.get(name) ?? 0) + grown);
    return grown;
  }

  async #readEpoch(sentinel: RedisNode): Promise<void> {
    const master = fields(await askRedis(sentinel, ['SENTINEL', 'MASTER', 'items'], 1_000));
    const epoch = Number(master['config-epoch']);
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#firstEpoch ??= epoch;
  }
}
