// Decides which replicas may be promoted and which nodes have to follow the new master. No I/O.
import type { Poll } from '../redis/sentinel-watch.ts';
import type { NodeState } from '../redis/set-nodes.ts';

export type Action =
  /** 0 keeps Sentinel from promoting the node. */
  { readonly kind: 'set_priority'; readonly priority: number } | { readonly kind: 'follow'; readonly master: string };

/** What Redis has by default; alike on all replicas, so that Sentinel prefers the one with the most data. */
export const PROMOTABLE = 100;
/**
 * By then the replica has all that was acknowledged without it. Every instance requires it from a second after it got in
 * sync at the latest (its view is not older), and "in sync" says that it has what is older than 1.2 s.
 */
const IN_SYNC_FOR_MS = 2_500;
/** One look at a node may be older than what the Sentinels have just agreed on. */
const STALE_LOOKS = 2;
/** Who was never seen as the master may be in the middle of its promotion, by a Sentinel that is out of our reach. */
const STRANGER_LOOKS = 6;

type Seen = Omit<Poll, 'confirmed'> & NonNullable<Poll['confirmed']>;

/**
 * The replica-priority as the mark of a replica that is in sync: the master carries 0, because when it comes back it is
 * behind; a replica gets 100 when it has been in sync for a while and has its data on disk, and 0 when it may have missed
 * a save that was acknowledged without it. Without a fresh view and the word of the master itself nothing is decided.
 */
export class Marks {
  readonly #former = new Set<string>();
  readonly #missed = new Set<string>();
  readonly #staleLooks = new Map<string, number>();
  #master: string | null = null;

  /** The nodes that may have missed something, and must get 0 as soon as they can be reached, master or not. */
  get missed(): ReadonlySet<string> {
    return this.#missed;
  }

  /** Takes in what the Sentinels and the master say. */
  see({ master, known, required, inSync, role, askedAtMs }: Seen): void {
    if (this.#master !== null && this.#master !== master) this.#former.add(this.#master);
    this.#former.delete(master);
    this.#master = master;
    const current = [...known].filter((node) => node !== master && inSync.sinceMs(node) !== null);
    for (const node of known) {
      if (node === master || isSettled(inSync.sinceMs(node), askedAtMs)) this.#missed.delete(node);
      // Without any replica in sync nothing is acknowledged, and so nothing missed.
      else if (current.length === 0 || current.includes(node)) continue;
      else if (!required.has(node) || !role.replicas.has(node)) this.#missed.add(node);
    }
    for (const seen of [this.#former, this.#missed]) for (const node of seen) if (!known.has(node)) seen.delete(node);
  }

  /** What is to be done about a node that says this of itself. Call it after `see`, once for each node. */
  decide(node: string, state: NodeState | null, seen: Seen): Action[] {
    const { master } = seen;
    const followed = state?.follows ?? node;
    const looks = state !== null && node !== master && followed !== master ? (this.#staleLooks.get(node) ?? 0) + 1 : 0;
    this.#staleLooks.set(node, looks);
    if (state === null) return [];
    const actions: Action[] = [];
    const priority = this.#priorityOf(node, state, seen);
    if (priority !== state.priority) actions.push({ kind: 'set_priority', priority });
    const patience = this.#former.has(followed) ? STALE_LOOKS : STRANGER_LOOKS;
    if (looks >= patience && !isLeftToSentinel(node, seen)) actions.push({ kind: 'follow', master });
    return actions;
  }

  /** Whether a node that gives no answer was master and will, when it goes on, take itself for it still. */
  isFormer(node: string, seen: Seen): boolean {
    return this.#former.has(node) && !isLeftToSentinel(node, seen);
  }

  #priorityOf(node: string, state: NodeState, { master, askedAtMs, inSync }: Seen): number {
    if (node === master || this.#missed.has(node)) return 0;
    // Another one than 0 is somebody's wish: a planned switchover names its successor so.
    if (state.priority !== 0) return state.priority;
    const isReady = isSettled(inSync.sinceMs(node), askedAtMs) && state.follows === master && !state.isRewriting;
    return isReady ? PROMOTABLE : 0;
  }
}

function isSettled(sinceMs: number | null, nowMs: number): boolean {
  return sinceMs !== null && nowMs - sinceMs >= IN_SYNC_FOR_MS;
}

/** Sentinel corrects such nodes too, but only after 8 s. While it is at it, the node may be the very one that it promotes. */
function isLeftToSentinel(node: string, { answers }: Seen): boolean {
  return answers.some(({ master, isFailingOver }) => master === node || isFailingOver);
}
