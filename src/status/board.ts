// Once a second: measures this instance, tells the others, and puts together what whoever watches is shown.
import { Neighbours, SILENT_AFTER_MS } from './neighbours.ts';
import { RateMeter, sum } from './rates.ts';
import type { Failover, InstanceReport, PerOutcome, SetReport, Snapshot, StatusChannel } from './report.ts';

export type BoardDeps = {
  readonly self: Pick<InstanceReport, 'id' | 'name' | 'version' | 'startedAt'>;
  /** Contents since the start. */
  readonly totals: () => Promise<PerOutcome>;
  readonly waiting: () => number;
  readonly state: () => string;
  /** Null without Sentinels. */
  readonly set: () => SetReport | null;
  readonly channel: StatusChannel;
  readonly clock: { /** Monotonic. */ nowMs(): number; /** Since 1970. */ date(): number };
  readonly intervalMs: number;
};

/** Somebody who watches. */
export type Watch = {
  /** What there is, at first at once and then as soon as it is new; null when this instance is shutting down. */
  next(): Promise<Snapshot | null>;
  close(): void;
};

/** Works until stopped. Nobody's save waits for it: while nobody watches it is one small message a second. */
export class StatusBoard {
  readonly #deps: BoardDeps;
  readonly #rates = new RateMeter();
  readonly #neighbours: Neighbours;
  readonly #waiting = new Set<(snapshot: Snapshot | null) => void>();
  #own: InstanceReport | null = null;
  #watchers = 0;
  #stopListening = (): void => {};
  #isDraining = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: BoardDeps) {
    this.#deps = deps;
    this.#neighbours = new Neighbours(deps.self.id);
    void this.#tick();
  }

  get watchers(): number {
    return this.#watchers;
  }

  /** Begins to watch; null when this instance is shutting down. Others are listened to only while somebody watches. */
  watch(): Watch | null {
    if (this.#isDraining) return null;
    if (this.#watchers++ === 0) {
      this.#stopListening = this.#deps.channel.listen((text) => this.#neighbours.hear(text, this.#deps.clock.nowMs()));
    }
    let isFirst = true;
    let isOpen = true;
    return {
      next: () => {
        const own = isFirst ? this.#own : null;
        isFirst = false;
        if (this.#isDraining || !isOpen) return Promise.resolve(null);
        if (own !== null) return Promise.resolve(this.#snapshot(own));
        return new Promise((resolve) => this.#waiting.add(resolve));
      },
      close: () => {
        if (isOpen) this.#leave();
        isOpen = false;
      },
    };
  }

  /** Lets nobody watch any more. The others are still told how this instance fares. */
  drain(): void {
    this.#isDraining = true;
    this.#wake(null);
  }

  stop(): void {
    this.drain();
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#stopListening();
  }

  #leave(): void {
    if (--this.#watchers > 0) return;
    this.#stopListening();
    this.#neighbours.forgetAll();
  }

  async #tick(): Promise<void> {
    const { self, clock, channel, intervalMs } = this.#deps;
    const startMs = clock.nowMs();
    const totals = await this.#deps.totals();
    if (this.#isStopped) return;
    const own: InstanceReport = {
      ...self,
      state: this.#deps.state(),
      rates: this.#rates.update(totals, clock.nowMs()),
      waiting: this.#deps.waiting(),
      failover: this.#deps.set()?.failover ?? null,
    };
    this.#own = own;
    channel.publish(JSON.stringify(own));
    if (this.#waiting.size > 0) this.#wake(this.#snapshot(own));
    this.#timer = setTimeout(() => void this.#tick(), Math.max(0, startMs + intervalMs - clock.nowMs())).unref();
  }

  #wake(snapshot: Snapshot | null): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve(snapshot);
  }

  #snapshot(own: InstanceReport): Snapshot {
    const { clock } = this.#deps;
    const others = this.#neighbours.seen(clock.nowMs());
    const instances = [{ ...own, silentMs: 0 }, ...others].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const heard = instances.filter(({ silentMs }) => silentMs <= SILENT_AFTER_MS);
    return {
      at: clock.date(),
      tellsId: own.id,
      instances,
      rates: sum(heard.map(({ rates }) => rates)),
      waiting: heard.reduce((total, { waiting }) => total + waiting, 0),
      set: this.#deps.set(),
      failover: latest(instances.map(({ failover }) => failover)),
    };
  }
}

const latest = (failovers: readonly (Failover | null)[]): Failover | null =>
  failovers.reduce((last, one) => (one !== null && (last === null || one.at > last.at) ? one : last), null);
