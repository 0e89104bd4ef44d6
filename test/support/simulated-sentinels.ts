// Three Sentinels: who is down, whom they promote, and which nodes they put right. As little of Sentinel as can go wrong.
import type { SentinelAnswer } from '../../src/redis/set-view.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { addressOf, NODES, type SimulatedSet } from './simulated-set.ts';

export const SENTINELS = ['s1', 's2', 's3'] as const;
const MAJORITY = 2;
const ROUND_MS = 200;
const DOWN_AFTER_MS = 500;
/** Sentinel gives a node that wrongly claims to be master some time to be heard of as the new one. */
const DEMOTE_AFTER_MS = 1_500;

class SimulatedSentinel {
  readonly name: string;
  master = 'a';
  epoch = 0;
  votedEpoch = 0;
  readonly down = new Set<string>();
  readonly heardMs = new Map<string, number>();
  readonly claimsSinceMs = new Map<string, number>();

  constructor(name: string) {
    this.name = name;
  }
}

export class SimulatedSentinels {
  failovers = 0;
  readonly #net: SimulatedNetwork;
  readonly #set: SimulatedSet;
  readonly #all = SENTINELS.map((name) => new SimulatedSentinel(name));

  constructor(net: SimulatedNetwork, set: SimulatedSet) {
    this.#net = net;
    this.#set = set;
    for (const sentinel of this.#all) void this.#live(sentinel);
  }

  /** What a Sentinel answers when it is asked for the master and the replicas. */
  answerOf(name: string): SentinelAnswer {
    const { master, down } = this.#named(name);
    const nodes = new Map(
      NODES.map((node) => [addressOf(node), { isDown: down.has(node), priority: 100, infoAgeMs: 1 }]),
    );
    return { master: addressOf(master), nodes, isFailingOver: false, isInTilt: false };
  }

  /** Whom a majority names, or null. */
  agreed(): string | null {
    return NODES.find((node) => this.#all.filter(({ master }) => master === node).length >= MAJORITY) ?? null;
  }

  /** SENTINEL FAILOVER, sent by hand. */
  async failOverNow(): Promise<void> {
    await this.#failOver(this.#named('s1'));
  }

  #named(name: string): SimulatedSentinel {
    const found = this.#all.find((sentinel) => sentinel.name === name);
    if (found === undefined) throw new Error(`there is no Sentinel ${name}`);
    return found;
  }

  async #live(sentinel: SimulatedSentinel): Promise<void> {
    for (;;) {
      await this.#net.clock.delay(ROUND_MS);
      await this.#net.step(`${sentinel.name} looks around`);
      this.#look(sentinel);
      if (sentinel.down.has(sentinel.master) && this.#agreeingOnDown(sentinel) >= MAJORITY) {
        await this.#failOver(sentinel);
      }
      this.#putRight(sentinel);
      this.#set.replicate();
    }
  }

  #look(sentinel: SimulatedSentinel): void {
    const nowMs = this.#net.clock.nowMs();
    for (const node of NODES) {
      // Sentinel takes a master that says it is a replica for down.
      const isItself = node !== sentinel.master || this.#set.node(node).follows === null;
      if (isItself && this.#net.reaches(sentinel.name, node)) sentinel.heardMs.set(node, nowMs);
      if (nowMs - (sentinel.heardMs.get(node) ?? 0) >= DOWN_AFTER_MS) sentinel.down.add(node);
      else sentinel.down.delete(node);
    }
    for (const other of this.#reachable(sentinel)) {
      if (other.epoch > sentinel.epoch) [sentinel.epoch, sentinel.master] = [other.epoch, other.master];
    }
  }

  #reachable(from: SimulatedSentinel): SimulatedSentinel[] {
    return this.#all.filter(({ name }) => this.#net.reaches(from.name, name));
  }

  #agreeingOnDown({ name, master }: SimulatedSentinel): number {
    return this.#reachable(this.#named(name)).filter((other) => other.master === master && other.down.has(master))
      .length;
  }

  /** Of those that it may promote it takes the one that has least: that is what must not matter. */
  async #failOver(leader: SimulatedSentinel): Promise<void> {
    const voters = this.#reachable(leader);
    const epoch = Math.max(...voters.map((voter) => Math.max(voter.epoch, voter.votedEpoch))) + 1;
    if (voters.length < MAJORITY) return;
    for (const voter of voters) voter.votedEpoch = epoch;
    const [chosen] = NODES.filter((node) => node !== leader.master && !leader.down.has(node)).toSorted(
      (one, other) => this.#set.node(one).log.length - this.#set.node(other).log.length,
    );
    if (chosen === undefined) return;
    await this.#net.step(`${leader.name} → ${chosen}: REPLICAOF NO ONE`);
    if (!this.#net.reaches(leader.name, chosen)) return;
    this.#set.node(chosen).follow(null);
    await this.#net.step(`${leader.name} names ${chosen}`);
    if (leader.epoch >= epoch || leader.votedEpoch > epoch) return;
    [leader.epoch, leader.master] = [epoch, chosen];
    this.failovers++;
  }

  #putRight(sentinel: SimulatedSentinel): void {
    const { name, master, claimsSinceMs, down } = sentinel;
    const nowMs = this.#net.clock.nowMs();
    if (down.has(master) || this.#set.node(master).follows !== null) return;
    for (const node of NODES) {
      const { follows } = this.#set.node(node);
      if (node === master || follows === master || !this.#net.reaches(name, node)) {
        claimsSinceMs.delete(node);
      } else if (follows !== null || nowMs - (claimsSinceMs.get(node) ?? nowMs) >= DEMOTE_AFTER_MS) {
        this.#set.node(node).follow(master);
      } else if (!claimsSinceMs.has(node)) {
        claimsSinceMs.set(node, nowMs);
      }
    }
  }
}
