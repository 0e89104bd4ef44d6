// Which replicas keep up with the master, and since when. No I/O.
import type { MasterRole } from './master-role.ts';

/** Over a longer time without a tick a replica may have fallen back and caught up again unseen. */
const MAX_GAP_MS = 1_000;

type Sample = { readonly atMs: number; readonly offset: number };

/**
 * A replica is in sync at a tick when it has acknowledged what the master had written `lagMs` before. Times are monotonic,
 * of the moment at which the master was asked.
 */
export class InSyncTracker {
  readonly #lagMs: number;
  readonly #startedAtMs: number;
  readonly #since = new Map<string, number>();
  readonly #last = new Map<string, number>();
  #master = '';
  #samples: Sample[] = [];

  constructor(lagMs: number, startedAtMs: number) {
    this.#lagMs = lagMs;
    this.#startedAtMs = startedAtMs;
  }

  /** Takes in one tick. After a gap, another master, or one that has gone back, everything is counted anew. */
  update(master: string, role: MasterRole, atMs: number): void {
    const before = this.#samples.at(-1) ?? { atMs, offset: 0 };
    if (master !== this.#master || role.offset < before.offset || atMs - before.atMs > MAX_GAP_MS) {
      this.#samples = [];
      this.#since.clear();
      this.#master = master;
    }
    const base = this.#samples.findLast((sample) => atMs - sample.atMs >= this.#lagMs);
    if (base !== undefined) this.#samples = this.#samples.filter((sample) => sample.atMs >= base.atMs);
    this.#samples.push({ atMs, offset: role.offset });
    for (const node of this.#since.keys()) if (!role.replicas.has(node)) this.#since.delete(node);
    for (const [node, acknowledged] of role.replicas) {
      if (base !== undefined && acknowledged >= base.offset) {
        this.#last.set(node, atMs);
        if (!this.#since.has(node)) this.#since.set(node, atMs);
      } else {
        this.#since.delete(node);
      }
    }
  }

  /** When the replica began to be in sync at every tick; null when it was not at the last one. */
  sinceMs(node: string): number | null {
    return this.#since.get(node) ?? null;
  }

  /** When the replica was last in sync, under any master. What was never seen may have been until we began to look. */
  lastMs(node: string): number {
    return this.#last.get(node) ?? this.#startedAtMs;
  }
}
