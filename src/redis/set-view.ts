// What all Sentinels together say of the set: who is master, and which replicas any of them could promote. No I/O.

export type SeenNode = {
  /** Whether the Sentinel takes the node for down. */
  readonly isDown: boolean;
  /** The node's own replica-priority, as of the Sentinel's last INFO of it; null for the master, which shows none. */
  readonly priority: number | null;
  /**
   * How old that INFO is: Sentinel asks every 10 s, and every second during a failover. Null when there was none yet, as
   * for a former master until it is reached.
   */
  readonly infoAgeMs: number | null;
};

/** How one Sentinel sees the set. Nodes are `host:port`, exactly as Sentinel and ROLE write them. */
export type SentinelAnswer = {
  readonly master: string;
  /** Every data node that it knows, the master included. */
  readonly nodes: ReadonlyMap<string, SeenNode>;
  readonly isFailingOver: boolean;
  /** In TILT, for 30 s after it was held up, a Sentinel starts no failover and does not notice who goes down. */
  readonly isInTilt: boolean;
};

// A node leaves only after two polls and this long in a row: one answer may be older than the node's return.
const LEAVE_POLLS = 2;
const LEAVE_AFTER_MS = 250;
/**
 * What INFO told a Sentinel counts when it was asked this long after the replica was last in sync. Whoever is in sync may
 * be given another priority at any moment (the keeper does it), and Sentinel tells us of it up to 10 s later.
 */
export const INFO_SETTLES_MS = 3_000;

/** Whom a majority of all Sentinels names, or null. */
export function namedByMajority(answers: readonly (SentinelAnswer | null)[]): string | null {
  const votes = new Map<string, number>();
  for (const answer of answers) if (answer !== null) votes.set(answer.master, (votes.get(answer.master) ?? 0) + 1);
  return [...votes].find(([, count]) => count * 2 > answers.length)?.[0] ?? null;
}

/**
 * Follows the answers of all Sentinels over time. A node is known as long as any Sentinel lists it in its last answer, a
 * silent Sentinel's last answer included, because what it knows it can promote. A known node is required at once. It is
 * no longer when, in polls in a row, a majority of all Sentinels and every answering one that lists it, those in TILT left
 * out, say that it is down, has priority 0 or never answered INFO: Sentinel promotes no such node (redis 7.0 to 8.x,
 * sentinelSelectSlave).
 */
export class SetViewTracker {
  readonly #majority: number;
  readonly #lastInSyncMs: (node: string) => number;
  readonly #last: (SentinelAnswer | null)[];
  readonly #lastAtMs: number[] = [];
  readonly #outSince = new Map<string, { readonly sinceMs: number; polls: number }>();
  #required: ReadonlySet<string> = new Set();

  /** `lastInSyncMs` tells when a replica was last in sync, see `InSyncTracker`. */
  constructor(sentinelCount: number, lastInSyncMs: (node: string) => number) {
    this.#majority = Math.floor(sentinelCount / 2) + 1;
    this.#lastInSyncMs = lastInSyncMs;
    this.#last = Array.from({ length: sentinelCount }, () => null);
  }

  /** The last answer of every Sentinel that gave one since then. */
  answersSince(sinceMs: number): readonly SentinelAnswer[] {
    return this.#last.filter((answer, i) => answer !== null && (this.#lastAtMs[i] ?? 0) >= sinceMs) as SentinelAnswer[];
  }

  /** Every data node that any of them lists, masters and former masters included. */
  get known(): ReadonlySet<string> {
    return new Set(
      this.answersSince(Number.NEGATIVE_INFINITY).flatMap((answer) => [answer.master, ...answer.nodes.keys()]),
    );
  }

  /**
   * Takes in one poll, for each Sentinel its answer or null when it gave none, and returns the nodes besides the master
   * that could be promoted: each of them must have a save before it counts. `atMs` is when the Sentinels were asked.
   */
  update(answers: readonly (SentinelAnswer | null)[], atMs: number): ReadonlySet<string> {
    answers.forEach((answer, i) => {
      if (answer === null) return;
      this.#last[i] = answer;
      this.#lastAtMs[i] = atMs;
    });
    const current = answers.filter((answer) => answer !== null);
    const master = namedByMajority(answers);
    const known = this.known;
    if (current.length >= this.#majority) {
      for (const node of known) this.#note(node, this.#isOut(node, current, atMs), atMs);
      this.#required = new Set([...known].filter((node) => node !== master && !this.#hasLeft(node, atMs)));
    } else {
      // Too few to let anybody leave; what is newly known joins all the same.
      this.#outSince.clear();
      this.#required = new Set([...this.#required.union(known)].filter((node) => node !== master));
    }
    return this.#required;
  }

  #isOut(node: string, current: readonly SentinelAnswer[], atMs: number): boolean {
    const settledAtMs = this.#lastInSyncMs(node) + INFO_SETTLES_MS;
    const listing = current
      .filter(({ isInTilt }) => !isInTilt)
      .map(({ nodes }) => nodes.get(node))
      .filter((seen) => seen !== undefined);
    const isOut = ({ isDown, priority, infoAgeMs }: SeenNode): boolean =>
      isDown || (infoAgeMs === null ? atMs >= settledAtMs : priority === 0 && atMs - infoAgeMs >= settledAtMs);
    return listing.every(isOut) && listing.length >= this.#majority;
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
