// Asks all Sentinels and the master what they see, again and again and whenever one of them tells of a change.
import type { Redis } from 'ioredis';
import { askRole, askSentinel, peersOf } from './ask-set.ts';
import { leave, reconnect } from './connect.ts';
import { InSyncTracker } from './in-sync.ts';
import type { MasterRole } from './master-role.ts';
import { namedByMajority, type SentinelAnswer, SetViewTracker } from './set-view.ts';

const POLL_INTERVAL_MS = 300;
/** A view older than this confirms nothing: the set may have changed since. */
export const MAX_AGE_MS = 1_000;
const ANSWER_COUNTS_MS = 10_000;
const EVENTS = ['+switch-master', '+sdown', '-sdown'];

/** A view that is young enough to decide by. */
export type FreshView = {
  /** Whom a majority of all Sentinels names. */
  readonly master: string;
  /** Where connections to the master end, as `ip:port`: what its name resolves to. */
  readonly masterPeers: ReadonlySet<string>;
  /** The nodes besides the master that could be promoted: each of them must have a save before it counts. */
  readonly required: ReadonlySet<string>;
};

/** What one round of questions brought, for those who act on it. */
export type Poll = {
  /** Monotonic, of the moment at which everybody was asked. */
  readonly askedAtMs: number;
  /** See `FreshView`; null when no majority agrees, or the master that it names does not say that it is one. */
  readonly confirmed: { readonly master: string; readonly role: MasterRole } | null;
  readonly required: ReadonlySet<string>;
  /** Every data node that any Sentinel lists. */
  readonly known: ReadonlySet<string>;
  /** The last answer of every Sentinel that gave one in the last 10 s, for longer than which no failover lasts. */
  readonly answers: readonly SentinelAnswer[];
  readonly inSync: Pick<InSyncTracker, 'sinceMs'>;
};

export type SentinelConnections = { readonly commands: Redis; readonly events: Redis };

export type WatchOptions = {
  readonly sentinels: readonly SentinelConnections[];
  /** A connection to the master, for nothing but ROLE: an answer that stands behind others' comes too late. */
  readonly master: Redis;
  readonly masterName: string;
  /** See `InSyncTracker`. */
  readonly inSyncLagMs: number;
  readonly onMasterChange?: (view: Pick<FreshView, 'master' | 'masterPeers'>) => void;
  readonly onPoll?: (poll: Poll) => void;
  /** Has every Sentinel ask the nodes for INFO this often, and not only every 10 s. */
  readonly infoPeriodMs?: number;
};

/** Watches until closed. */
export class SentinelWatch {
  readonly #options: WatchOptions;
  readonly #inSync: InSyncTracker;
  readonly #tracker: SetViewTracker;
  #masterSeen: string | null = null;
  #last: (FreshView & { readonly askedAtMs: number }) | null = null;
  #timer: NodeJS.Timeout | undefined;
  #polling = false;
  #pollAgain = false;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#inSync = new InSyncTracker(options.inSyncLagMs, performance.now());
    this.#tracker = new SetViewTracker(options.sentinels.length, (node) => this.#inSync.lastMs(node));
    for (const { events } of options.sentinels) {
      events.on('ready', () => void events.subscribe(...EVENTS).catch(() => {}));
      events.on('message', () => void this.#poll());
    }
    options.master.on('ready', () => void this.#poll());
    void this.#poll();
  }

  /**
   * The view, or null while no majority agrees on a master, or when that agreement or the master's own word is more than
   * a second old.
   */
  fresh(): FreshView | null {
    return this.#last !== null && performance.now() - this.#last.askedAtMs <= MAX_AGE_MS ? this.#last : null;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    const { sentinels, master } = this.#options;
    void leave([...sentinels.flatMap(({ commands, events }) => [commands, events]), master], 0);
  }

  async #poll(): Promise<void> {
    if (this.#closed) return;
    if (this.#polling) {
      this.#pollAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#polling = true;
    // The age counts from the question: an answer may be as old as that.
    const askedAtMs = performance.now();
    await this.#look(askedAtMs);
    this.#polling = false;
    const again = this.#pollAgain;
    this.#pollAgain = false;
    // From question to question: a Sentinel that does not answer takes 400 ms of each poll, and the view must not outlive
    // its second before the next one is there.
    const waitMs = again ? 0 : Math.max(0, askedAtMs + POLL_INTERVAL_MS - performance.now());
    if (!this.#closed) this.#timer = setTimeout(() => void this.#poll(), waitMs);
  }

  async #look(askedAtMs: number): Promise<void> {
    const [told, ...answers] = await Promise.all([
      askRole(this.#options.master),
      ...this.#options.sentinels.map(({ commands }) =>
        askSentinel(commands, this.#options.masterName, this.#options.infoPeriodMs),
      ),
    ]);
    const master = namedByMajority(answers);
    const masterPeers = master === null ? new Set<string>() : await peersOf(master);
    if (this.#closed) return;
    const role = told !== null && masterPeers.has(told.peer) ? told.role : null;
    if (master !== null && role !== null) this.#inSync.update(master, role, askedAtMs);
    const required = this.#tracker.update(answers, askedAtMs);
    if (master === null) {
      // No agreement: nothing is confirmed any more, however young the last one is.
      this.#last = null;
    } else if (this.#masterSeen !== master) {
      if (this.#masterSeen !== null) this.#options.onMasterChange?.({ master, masterPeers });
      this.#masterSeen = master;
      this.#last = null;
    }
    const confirmed = master === null || role === null ? null : { master, role };
    if (confirmed !== null) this.#last = { askedAtMs, master: confirmed.master, masterPeers, required };
    // A planned failover leaves the connection to the former master open. A name that does not resolve says nothing.
    else if (masterPeers.size > 0 && told !== null) reconnect(this.#options.master);
    const recent = this.#tracker.answersSince(askedAtMs - ANSWER_COUNTS_MS);
    const { known } = this.#tracker;
    this.#options.onPoll?.({ askedAtMs, confirmed, required, known, answers: recent, inSync: this.#inSync });
  }
}
