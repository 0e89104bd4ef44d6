// What all Sentinels together say of the set: who is master, and which replicas any of them could promote. No I/O.

/** How one Sentinel sees the set. Nodes are `host:port`, exactly as Sentinel and ROLE write them. */
export type SentinelAnswer = {
  readonly master: string;
  /** Every data node that it knows, the master included; true when it takes the node for down. */
  readonly isDown: ReadonlyMap<string, boolean>;
};

export type SetView = {
  /** Whom a majority of all Sentinels names now, or null. */
  readonly master: string | null;
  /** The nodes besides the master that could be promoted: each of them must have a save before it counts. */
  readonly required: ReadonlySet<string>;
};

// A node leaves only after two polls and this long in a row: one answer may be older than the node's return.
const LEAVE_POLLS = 2;
const LEAVE_AFTER_MS = 250;

/**
 * Follows the answers of all Sentinels over time. A node is known as long as any Sentinel lists it in its last answer, a
 * silent Sentinel's last answer included, because what it knows it can promote. A known node is required at once, and no
 * longer only when a majority of all Sentinels and every answering one that lists it take it for down, in polls in a row:
 * Sentinel promotes no such node (redis 7.0 to 8.x, sentinelSelectSlave).
 */
export class SetViewTracker {
  readonly #majority: number;
  readonly #last: (SentinelAnswer | null)[];
  readonly #outSince = new Map<string, { readonly sinceMs: number; polls: number }>();
  #required: ReadonlySet<string> = new Set();

  constructor(sentinelCount: number) {
    this.#majority = Math.floor(sentinelCount / 2) + 1;
    this.#last = Array.from({ length: sentinelCount }, () => null);
  }

  /** Takes in one poll: for each Sentinel its answer, or null when it gave none. `atMs` is when they were asked. */
  update(answers: readonly (SentinelAnswer | null)[], atMs: number): SetView {
    answers.forEach((answer, i) => {
      if (answer !== null) this.#last[i] = answer;
    });
    const current = answers.filter((answer) => answer !== null);
    const known = new Set(
      this.#last.flatMap((answer) => (answer === null ? [] : [answer.master, ...answer.isDown.keys()])),
    );
    const master = this.#namedByMajority(current);
    if (current.length >= this.#majority) {
      for (const node of known) this.#note(node, this.#isOut(node, current), atMs);
      this.#required = new Set([...known].filter((node) => node !== master && !this.#hasLeft(node, atMs)));
    } else {
      // Too few to let anybody leave; what is newly known joins all the same.
      this.#outSince.clear();
      this.#required = new Set([...this.#required, ...[...known].filter((node) => node !== master)]);
    }
    return { master, required: this.#required };
  }

  #namedByMajority(current: readonly SentinelAnswer[]): string | null {
    const votes = new Map<string, number>();
    for (const { master } of current) votes.set(master, (votes.get(master) ?? 0) + 1);
    return [...votes].find(([, count]) => count >= this.#majority)?.[0] ?? null;
  }

  #isOut(node: string, current: readonly SentinelAnswer[]): boolean {
    const listing = current.map(({ isDown }) => isDown.get(node)).filter((isDown) => isDown !== undefined);
    return listing.every(Boolean) && listing.length >= this.#majority;
  }

  #note(node: string, isOut: boolean, atMs: number): void {
    const noted = this.#outSince.get(node);
    if (!isOut) this.#outSince.delete(node);
    else if (noted === undefined) this.#outSince.set(node, { sinceMs: atMs, polls: 1 });
    else noted.polls++;
  }

  #hasLeft(node: string, atMs: number): boolean {
    const noted = this.#outSince.get(node);
    return noted !== undefined && noted.polls >= LEAVE_POLLS && atMs - noted.sinceMs >= LEAVE_AFTER_MS;
  }
}
