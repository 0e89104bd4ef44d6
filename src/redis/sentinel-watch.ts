// Asks all Sentinels what they see, again and again and whenever one of them tells of a change.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Redis } from 'ioredis';
import { leave } from './connect.ts';
import { type SentinelAnswer, type SetView, SetViewTracker } from './set-view.ts';

const POLL_INTERVAL_MS = 300;
/** A view older than this confirms nothing: the set may have changed since. */
const MAX_AGE_MS = 1_000;
const EVENTS = ['+switch-master', '+sdown', '-sdown'];

/** A view that is young enough to decide by. */
export type FreshView = SetView & {
  readonly master: string;
  /** Where connections to the master end, as `ip:port`: what its name resolves to. */
  readonly masterPeers: ReadonlySet<string>;
};

export type SentinelConnections = { readonly commands: Redis; readonly events: Redis };

/** Watches until closed. */
export class SentinelWatch {
  readonly #sentinels: readonly SentinelConnections[];
  readonly #masterName: string;
  readonly #tracker: SetViewTracker;
  readonly #onMasterChange: (view: FreshView) => void;
  #view: FreshView | null = null;
  #takenAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #polling = false;
  #pollAgain = false;
  #closed = false;

  constructor(
    sentinels: readonly SentinelConnections[],
    masterName: string,
    onMasterChange: (view: FreshView) => void,
  ) {
    this.#sentinels = sentinels;
    this.#masterName = masterName;
    this.#tracker = new SetViewTracker(sentinels.length);
    this.#onMasterChange = onMasterChange;
    for (const { events } of sentinels) {
      events.on('ready', () => void events.subscribe(...EVENTS).catch(() => {}));
      events.on('message', () => void this.#poll());
    }
    void this.#poll();
  }

  /** The view, or null while no majority agrees on a master or their last agreement is more than a second old. */
  fresh(): FreshView | null {
    return performance.now() - this.#takenAtMs > MAX_AGE_MS ? null : this.#view;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    void leave(
      this.#sentinels.flatMap(({ commands, events }) => [commands, events]),
      0,
    );
  }

  async #poll(): Promise<void> {
    if (this.#polling) {
      this.#pollAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#polling = true;
    // The age counts from the question: an answer may be as old as that.
    const askedAtMs = performance.now();
    const answers = await Promise.all(this.#sentinels.map(({ commands }) => this.#ask(commands)));
    const { master, required } = this.#tracker.update(answers, askedAtMs);
    const masterPeers = master === null ? new Set<string>() : await peersOf(master);
    this.#polling = false;
    if (this.#closed) return;
    if (master !== null) {
      const before = this.#view?.master ?? master;
      this.#view = { master, required, masterPeers };
      this.#takenAtMs = askedAtMs;
      if (before !== master) this.#onMasterChange(this.#view);
    } else if (this.#view !== null) {
      // No agreement: nothing is confirmed any more, however young the last one is.
      this.#takenAtMs = Number.NEGATIVE_INFINITY;
    }
    const again = this.#pollAgain;
    this.#pollAgain = false;
    this.#timer = setTimeout(() => void this.#poll(), again ? 0 : POLL_INTERVAL_MS);
  }

  async #ask(sentinel: Redis): Promise<SentinelAnswer | null> {
    try {
      const [master, replicas] = await Promise.all([
        sentinel.call('SENTINEL', 'MASTER', this.#masterName) as Promise<string[]>,
        sentinel.call('SENTINEL', 'REPLICAS', this.#masterName) as Promise<string[][]>,
      ]);
      const isDown = new Map(replicas.concat([master]).map((node) => [addressIn(node), isDownIn(node)]));
      return { master: addressIn(master), isDown };
    } catch {
      return null;
    }
  }
}

const valueIn = (fields: readonly string[], name: string): string => fields[fields.indexOf(name) + 1] ?? '';
const addressIn = (fields: readonly string[]): string => `${valueIn(fields, 'ip')}:${valueIn(fields, 'port')}`;
const isDownIn = (fields: readonly string[]): boolean => /\b[so]_down\b/.test(valueIn(fields, 'flags'));

async function peersOf(address: string): Promise<ReadonlySet<string>> {
  const colon = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, colon), address.slice(colon + 1)];
  if (isIP(host) !== 0) return new Set([address]);
  try {
    return new Set((await lookup(host, { all: true })).map((found) => `${found.address}:${port}`));
  } catch {
    return new Set();
  }
}
