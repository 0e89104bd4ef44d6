// Time that passes only when a test says so.
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/items/ports.ts';

export class VirtualClock implements Clock {
  #nowMs = 0;
  #sleepers: { readonly wakeMs: number; readonly wake: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  delay(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ wakeMs: this.#nowMs + ms, wake }));
  }

  /** As in a real process: behind every promise that can be settled by then. */
  afterArrivals(work: () => void): void {
    process.nextTick(work);
  }

  /** Time passes and nothing happens in it, as in a process that is held up. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets `ms` pass, waking each sleeper at its time and letting everything that it sets off happen first. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const due = this.#sleepers.filter(({ wakeMs }) => wakeMs <= untilMs);
      if (due.length === 0) break;
      const next = due.reduce((a, b) => (b.wakeMs < a.wakeMs ? b : a));
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.#nowMs = Math.max(this.#nowMs, next.wakeMs);
      next.wake();
    }
    this.#nowMs = untilMs;
  }
}

/** Lets all promises that can be settled without time passing be settled. */
export async function settle(): Promise<void> {
  await setImmediate();
}
