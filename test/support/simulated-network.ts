// Who can reach whom at the moment, and messages and time whose order the test's scheduler decides.
import type { Scheduler } from 'fast-check';
import type { Clock } from '../../src/items/ports.ts';
import { settle, VirtualClock } from './virtual-clock.ts';

const TICK_MS = 100;

/** Nodes, Sentinels and clients are endpoints, by name. */
export class SimulatedNetwork {
  readonly clock = new VirtualClock();
  /** Endpoints whose replies are lost. */
  readonly deaf = new Set<string>();
  readonly #scheduler: Scheduler;
  #cutOff: ReadonlySet<string> = new Set();
  readonly #paused = new Set<string>();
  readonly #dead = new Set<string>();
  #changed = Promise.withResolvers<void>();
  #tick: Promise<void> | null = null;
  #isAdvancing = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Cuts these endpoints off from all others. */
  cut(side: readonly string[]): void {
    this.#change(() => (this.#cutOff = new Set(side)));
  }

  /** It stands still: it hears nothing and does nothing, and does not know. */
  setPaused(endpoint: string, isPaused: boolean): void {
    this.#change(() => (isPaused ? this.#paused.add(endpoint) : this.#paused.delete(endpoint)));
  }

  setDead(endpoint: string, isDead: boolean): void {
    this.#change(() => (isDead ? this.#dead.add(endpoint) : this.#dead.delete(endpoint)));
  }

  isRunning(endpoint: string): boolean {
    return !this.#paused.has(endpoint) && !this.#dead.has(endpoint);
  }

  /** Whether a message from the one would reach the other now and be heard. */
  reaches(from: string, to: string): boolean {
    return this.isRunning(to) && this.isRunning(from) && this.#cutOff.has(from) === this.#cutOff.has(to);
  }

  /** Resolves when the scheduler picks it; in the report of a failed run it stands under this name. */
  step(name: string): Promise<void> {
    return this.#scheduler.schedule(Promise.resolve(), name);
  }

  /**
   * Resolves when the message arrives, at a moment that the scheduler picks. Like TCP it goes on trying while the way is
   * cut or the receiver paused, so it can arrive long after its sender has given up. Throws when the receiver is dead.
   */
  async deliver(from: string, to: string, what: string): Promise<void> {
    await this.step(`${from} → ${to}: ${what}`);
    // The sender may be paused meanwhile: what it has sent is on its way.
    while (this.#paused.has(to) || this.#cutOff.has(from) !== this.#cutOff.has(to)) {
      await this.#changed.promise;
      await this.step(`${from} → ${to}, late: ${what}`);
    }
    if (this.#dead.has(to)) throw new Error('connection closed');
  }

  /** Like `deliver`, for the answer to a request; never arrives at who is deaf at that moment. */
  async reply(from: string, to: string, what: string): Promise<void> {
    await this.whenRunning(from);
    await this.deliver(from, to, what);
    if (this.deaf.has(to)) await new Promise(() => {});
  }

  /** Time as this endpoint lives it: nothing wakes it while it is paused. */
  clockOf(endpoint: string): Clock {
    return {
      nowMs: () => this.clock.nowMs(),
      delay: async (ms) => {
        await this.clock.delay(ms);
        await this.whenRunning(endpoint);
      },
      afterArrivals: (work) => this.clock.afterArrivals(() => void this.whenRunning(endpoint).then(work)),
    };
  }

  async whenRunning(endpoint: string): Promise<void> {
    while (!this.isRunning(endpoint)) await this.#changed.promise;
  }

  /** Lets the scheduler pick, the passing of time included, until the condition holds; false when it does not by then. */
  async runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    while (!condition()) {
      if (this.clock.nowMs() >= limitMs) return false;
      const tick = (this.#tick ??= this.#passTime());
      await this.#scheduler.waitOne();
      await settle();
      // Nothing is picked while time passes, or the order would depend on how long that takes.
      if (this.#isAdvancing) await tick;
    }
    return true;
  }

  async #passTime(): Promise<void> {
    await this.step('time passes');
    this.#isAdvancing = true;
    await this.clock.advance(TICK_MS);
    this.#isAdvancing = false;
    this.#tick = null;
  }

  #change(how: () => unknown): void {
    how();
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}
