// What all Sentinels together know of the set: its master, and the replicas that could be promoted.
import type { Redis } from 'ioredis';

const POLL_INTERVAL_MS = 300;
/** A view older than this confirms nothing: the set may have changed since. */
const MAX_AGE_MS = 1_000;

/** One Sentinel's answer. Nodes are `host:port`, exactly as Sentinel writes them. */
export type SentinelAnswer = { readonly master: string; readonly nodes: ReadonlySet<string> };

export type SetView = { readonly master: string | null; readonly known: ReadonlySet<string> };

/**
 * Combines the last answers of all Sentinels. The master is who a majority of all of them names in this poll; known is
 * every node that any of them ever named in its last answer, because a replica that one Sentinel knows it can promote.
 */
export function combineAnswers(
  current: readonly (SentinelAnswer | null)[],
  last: readonly (SentinelAnswer | null)[],
): SetView {
  const votes = new Map<string, number>();
  for (const answer of current) if (answer !== null) votes.set(answer.master, (votes.get(answer.master) ?? 0) + 1);
  const majority = Math.floor(current.length / 2) + 1;
  const master = [...votes].find(([, count]) => count >= majority)?.[0] ?? null;
  const known = new Set(last.flatMap((answer) => (answer === null ? [] : [answer.master, ...answer.nodes])));
  return { master, known };
}

/** Polls all Sentinels until closed. */
export class SentinelView {
  readonly #sentinels: readonly Redis[];
  readonly #masterName: string;
  readonly #onMasterChange: (master: string) => void;
  readonly #last: (SentinelAnswer | null)[];
  #view: SetView = { master: null, known: new Set() };
  #takenAtMs = Number.NEGATIVE_INFINITY;
  #lastMaster: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(sentinels: readonly Redis[], masterName: string, onMasterChange: (master: string) => void) {
    this.#sentinels = sentinels;
    this.#masterName = masterName;
    this.#onMasterChange = onMasterChange;
    this.#last = sentinels.map(() => null);
    void this.#poll();
  }

  /**
   * How many replicas must have a write before it counts: all that any Sentinel knows, and at least one. Null while no
   * majority of Sentinels agrees on a master, or when their last agreement is more than a second old.
   */
  requiredReplicas(): number | null {
    if (this.#view.master === null || performance.now() - this.#takenAtMs > MAX_AGE_MS) return null;
    return Math.max(1, this.#view.known.size - 1);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const sentinel of this.#sentinels) sentinel.disconnect();
  }

  async #poll(): Promise<void> {
    // The age counts from the question: an answer may be as old as that.
    const askedAtMs = performance.now();
    const answers = await Promise.all(this.#sentinels.map((sentinel) => this.#ask(sentinel)));
    if (this.#closed) return;
    answers.forEach((answer, i) => {
      if (answer !== null) this.#last[i] = answer;
    });
    this.#view = combineAnswers(answers, this.#last);
    if (this.#view.master !== null) {
      this.#takenAtMs = askedAtMs;
      if (this.#lastMaster !== null && this.#lastMaster !== this.#view.master) this.#onMasterChange(this.#view.master);
      this.#lastMaster = this.#view.master;
    }
    this.#timer = setTimeout(() => void this.#poll(), POLL_INTERVAL_MS);
  }

  async #ask(sentinel: Redis): Promise<SentinelAnswer | null> {
    try {
      const [master, replicas] = await Promise.all([
        sentinel.call('SENTINEL', 'MASTER', this.#masterName) as Promise<string[]>,
        sentinel.call('SENTINEL', 'REPLICAS', this.#masterName) as Promise<string[][]>,
      ]);
      return { master: addressIn(master), nodes: new Set(replicas.map(addressIn)) };
    } catch {
      return null;
    }
  }
}

function addressIn(fields: readonly string[]): string {
  const value = (name: string): string => fields[fields.indexOf(name) + 1] ?? '';
  return `${value('ip')}:${value('port')}`;
}
