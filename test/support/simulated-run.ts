// One run of the simulation: clients that post and retry, faults that begin and end, and what is wrong afterwards.
import type { Scheduler } from 'fast-check';
import { contentKey } from '../../src/items/content.ts';
import { ServiceFailure } from '../../src/items/errors.ts';
import type { UnconfirmedReason } from '../../src/redis/faults.ts';
import { findViolations, type Answer } from './simulated-checks.ts';
import { type MakeRule, SimulatedInstance } from './simulated-instance.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import type { MakeState } from './simulated-redis.ts';
import { SimulatedSentinels } from './simulated-sentinels.ts';
import { NODES, SimulatedSet } from './simulated-set.ts';

export const INSTANCES = ['x', 'y'] as const;

/** The same content with the same `nth` is the same request, sent again. The first of each content has an idempotency key. */
export type Post = { readonly content: string; readonly nth: number; readonly to: 0 | 1; readonly atMs: number };

export type Fault = { readonly startMs: number; readonly lastsMs: number } & (
  | { readonly kind: 'cut off'; readonly side: readonly string[] }
  | { readonly kind: 'pause' | 'kill' | 'lose replies to'; readonly who: string }
  | { readonly kind: 'fail over' }
);

export type Variant = { readonly makeRule: MakeRule; readonly makeState: MakeState };

/** What happened in a run: it shows whether the faults did anything. */
export type Seen = {
  failovers: number;
  lockLost: number;
  retries: number;
  readonly unconfirmed: Set<UnconfirmedReason>;
  readonly kinds: Set<string>;
};

/** All nodes have been whole for this long, so that every view has seen it. */
const CALM_MS = 2_000;
const SAVE_DEADLINE_MS = 6_000;
/** Within this time after the last fault everybody must be answered. */
const HEALED_WITHIN_MS = 25_000;

export class SimulatedRun {
  readonly seen: Seen = { failovers: 0, lockLost: 0, retries: 0, unconfirmed: new Set(), kinds: new Set() };
  readonly #net: SimulatedNetwork;
  readonly #set: SimulatedSet;
  readonly #sentinels: SimulatedSentinels;
  readonly #instances: readonly SimulatedInstance[];
  readonly #answers: Answer[] = [];

  constructor(scheduler: Scheduler, { makeRule, makeState }: Variant) {
    this.#net = new SimulatedNetwork(scheduler);
    this.#set = new SimulatedSet(this.#net, makeState);
    this.#sentinels = new SimulatedSentinels(this.#net, this.#set);
    const onUnconfirmed = (reason: UnconfirmedReason): unknown => this.seen.unconfirmed.add(reason);
    const deps = { net: this.#net, set: this.#set, sentinels: this.#sentinels, makeRule, onUnconfirmed };
    this.#instances = INSTANCES.map((name) => new SimulatedInstance(name, deps));
  }

  /**
   * Runs posts and faults to their ends, heals everything, and returns what is wrong, one line each. Faults come each at
   * its time, or each only when the set has recovered from the one before.
   */
  async violations(posts: readonly Post[], faults: readonly Fault[], how: 'at once' | 'in turn'): Promise<string[]> {
    let left = posts.length;
    const thrown: string[] = [];
    const note = (error: unknown): unknown => thrown.push(`thrown: ${(error as Error).stack}`);
    for (const post of posts) {
      void this.#post(post)
        .catch(note)
        .finally(() => left--);
    }
    let faultsAreOver = false;
    void this.#happenAll(faults, how)
      .catch(note)
      .finally(() => (faultsAreOver = true));
    const faultsMs = faults.reduce((sum, { startMs, lastsMs }) => sum + startMs + lastsMs, 0);
    const limitMs = faultsMs + HEALED_WITHIN_MS * (how === 'in turn' ? faults.length : 1);
    const isOver = (): boolean => faultsAreOver && left === 0 && this.#isHealed();
    const ended = await this.#net.runUntil(isOver, limitMs);
    this.seen.failovers = this.#sentinels.failovers;
    this.seen.lockLost = this.#instances.reduce((sum, { lockLost }) => sum + lockLost, 0);
    for (const { kind } of this.#answers) this.seen.kinds.add(kind);
    const stuck = ended ? [] : [`not over at ${limitMs} ms: ${left} unanswered, healed: ${this.#isHealed()}`];
    const stored = NODES.map((name) => ({ name, saved: this.#set.node(name).state.saved }));
    return [...thrown, ...stuck, ...findViolations(this.#answers, ended ? stored : [])];
  }

  #isHealed(): boolean {
    const master = this.#sentinels.agreed();
    return master !== null && this.#set.node(master).follows === null && this.#set.isWhole;
  }

  /** Posts until there is an answer, like a client behind a proxy: after a failure it goes to the other instance. */
  async #post({ content: text, nth, to, atMs }: Post): Promise<void> {
    const content = { kind: 'string', text } as const;
    const token = `${text}-${nth}`;
    await this.#net.clock.delay(atMs);
    for (let attempt = 0; ; attempt++) {
      const instance = this.#instances[(to + attempt) % 2]!;
      await this.#net.step(`post ${token} to ${instance.name}`);
      try {
        const outcome = await instance.queue.save({
          key: contentKey(content),
          content,
          source: 'anonymous',
          token,
          tokenKind: nth === 0 ? 'key' : 'random',
          deadlineMs: this.#net.clock.nowMs() + SAVE_DEADLINE_MS,
        });
        if (outcome.kind !== 'in_progress') {
          const item = 'item' in outcome ? outcome.item.id : null;
          this.#answers.push({ content: contentKey(content).hex, text, token, kind: outcome.kind, item });
          return;
        }
      } catch (error) {
        if (!(error instanceof ServiceFailure)) throw error;
      }
      this.seen.retries++;
      await this.#net.clock.delay(200);
    }
  }

  async #happenAll(faults: readonly Fault[], how: 'at once' | 'in turn'): Promise<void> {
    if (how === 'at once') {
      await Promise.all(faults.map((fault) => this.#happen(fault)));
      return;
    }
    for (const fault of faults) {
      await this.#happen(fault);
      for (let calmMs = 0; calmMs < CALM_MS; calmMs = this.#isHealed() ? calmMs + 100 : 0) {
        await this.#net.clock.delay(100);
      }
    }
  }

  async #happen(fault: Fault): Promise<void> {
    await this.#net.clock.delay(fault.startMs);
    if (fault.kind === 'fail over') {
      await this.#sentinels.failOverNow();
      return;
    }
    this.#begin(fault);
    await this.#net.clock.delay(fault.lastsMs);
    await this.#heal(fault);
    this.#set.replicate();
  }

  #begin(fault: Exclude<Fault, { kind: 'fail over' }>): void {
    if (fault.kind === 'cut off') this.#net.cut(fault.side);
    else if (fault.kind === 'pause') this.#net.setPaused(fault.who, true);
    else if (fault.kind === 'lose replies to') this.#net.deaf.add(fault.who);
    else this.#net.setDead(fault.who, true);
  }

  async #heal(fault: Exclude<Fault, { kind: 'fail over' }>): Promise<void> {
    if (fault.kind === 'cut off') this.#net.cut([]);
    else if (fault.kind === 'pause') this.#net.setPaused(fault.who, false);
    else if (fault.kind === 'lose replies to') this.#net.deaf.delete(fault.who);
    else {
      // The start guard of a node: it follows whom a majority names, and is master only if that is itself.
      const master = this.#sentinels.agreed();
      this.#set.node(fault.who).follow(master === fault.who ? null : (master ?? 'a'));
      this.#net.setDead(fault.who, false);
    }
  }
}
