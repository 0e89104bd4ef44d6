// After every look at the set: asks each node what it is, and does what has to be done about it.
import type { Poll } from '../redis/sentinel-watch.ts';
import type { NodeState } from '../redis/set-nodes.ts';
import { type Action, Marks } from './marks.ts';

/** The nodes as the keeper needs them; see `SetNodes`. */
export type Nodes = {
  keepOnly(nodes: ReadonlySet<string>): void;
  read(node: string): Promise<NodeState | null>;
  setPriority(node: string, priority: number): Promise<void>;
  follow(node: string, master: string): Promise<void>;
};

/** What a node is to the keeper at its last look. */
export const NODE_STATES = ['master', 'promotable', 'not_promotable', 'unreachable'] as const;
export type NodeKind = (typeof NODE_STATES)[number];

export type KeeperObserver = {
  looked(node: string, kind: NodeKind): void;
  forgotten(known: ReadonlySet<string>): void;
  done(node: string, action: Action): void;
  failed(node: string, action: Action, error: Error): void;
};

/**
 * Older than this, what the Sentinels said is not acted upon: this process may have been paused since. More than a
 * Sentinel that gives no answer holds a poll up (400 ms).
 */
const MAX_AGE_MS = 700;

/** Keeps Sentinel from promoting a replica that is behind. Several may run over the same set. */
export class Keeper {
  readonly #nodes: Nodes;
  readonly #observer: KeeperObserver;
  readonly #nowMs: () => number;
  readonly #marks = new Marks();
  readonly #busy = new Set<string>();
  /** Those that missed something and are known to be at 0. */
  readonly #lowered = new Set<string>();
  /** Those that gave no answer when they were last asked. */
  readonly #silent = new Set<string>();
  #latest: Poll | null = null;

  constructor(nodes: Nodes, observer: KeeperObserver, nowMs: () => number = () => performance.now()) {
    this.#nodes = nodes;
    this.#observer = observer;
    this.#nowMs = nowMs;
  }

  /** Takes in a poll of the set; resolves when every node has been seen to. Never throws for a fault of a node. */
  async see(poll: Poll): Promise<void> {
    const { confirmed, ...rest } = poll;
    this.#latest = poll;
    if (confirmed !== null) this.#marks.see({ ...rest, ...confirmed });
    this.#nodes.keepOnly(poll.known);
    this.#observer.forgotten(poll.known);
    // Each by itself: one that does not answer must not hold the others up until the poll is too old.
    await Promise.all([...poll.known].map((node) => this.#seeTo(node, poll)));
  }

  async #seeTo(node: string, poll: Poll): Promise<void> {
    if (this.#busy.has(node)) return;
    this.#busy.add(node);
    const { confirmed, ...rest } = poll;
    const seen = confirmed === null ? null : { ...rest, ...confirmed };
    try {
      if (this.#marks.missed.has(node) && !this.#lowered.has(node)) {
        void this.#lower(node);
        if (seen !== null && this.#silent.has(node) && this.#marks.isFormer(node, seen))
          void this.#call(node, seen.master);
      }
      const state = await this.#nodes.read(node);
      if (state === null) this.#silent.add(node);
      else this.#silent.delete(node);
      this.#observer.looked(node, kindOf(node, state, confirmed?.master));
      if (seen === null) return;
      for (const action of this.#marks.decide(node, state, seen)) {
        if (this.#isCurrent(poll)) await this.#act(node, action);
      }
    } finally {
      this.#busy.delete(node);
    }
  }

  /**
   * At once, and before the node is read: a paused node finds this in its socket when it goes on, before any Sentinel has
   * had the time to promote it. Needs no master and no fresh view, because 0 is never wrong.
   */
  async #lower(node: string): Promise<void> {
    try {
      await this.#nodes.setPriority(node, 0);
      this.#lowered.add(node);
      this.#observer.done(node, { kind: 'set_priority', priority: 0 });
    } catch {
      // It is down or out of reach, as it mostly is when it misses something: tried again with every poll.
    }
  }

  /**
   * Likewise for a former master that is paused: it finds that it follows the new one. Sentinel reads no priority from a
   * node that says it is a master, so 0 alone would not keep it from being promoted.
   */
  async #call(node: string, master: string): Promise<void> {
    await this.#nodes.follow(node, master).catch(() => {});
  }

  #isCurrent({ askedAtMs, confirmed }: Poll): boolean {
    return this.#nowMs() - askedAtMs <= MAX_AGE_MS && this.#latest?.confirmed?.master === confirmed?.master;
  }

  async #act(node: string, action: Action): Promise<void> {
    try {
      if (action.kind === 'follow') await this.#nodes.follow(node, action.master);
      else await this.#nodes.setPriority(node, action.priority);
      if (action.kind === 'set_priority' && action.priority !== 0) this.#lowered.delete(node);
      this.#observer.done(node, action);
    } catch (error) {
      this.#observer.failed(node, action, error as Error);
    }
  }
}

function kindOf(node: string, state: NodeState | null, master: string | undefined): NodeKind {
  if (state === null) return 'unreachable';
  if (node === master) return 'master';
  return state.priority === 0 ? 'not_promotable' : 'promotable';
}
