// A channel in memory between status boards, and a board that a test moves by hand.
import type { BoardDeps } from '../../src/status/board.ts';
import { NOTHING } from '../../src/status/rates.ts';
import type { StatusChannel } from '../../src/status/report.ts';

export class MemoryChannel implements StatusChannel {
  readonly said: string[] = [];
  readonly listeners = new Set<(text: string) => void>();

  publish(text: string): void {
    this.said.push(text);
    for (const listener of this.listeners) listener(text);
  }

  listen(onText: (text: string) => void): () => void {
    this.listeners.add(onText);
    return () => this.listeners.delete(onText);
  }
}

/** What a board needs, of an instance that saves nothing and has a Redis node without Sentinels. */
export function boardDeps(name: string, more: Partial<BoardDeps> = {}): BoardDeps {
  return {
    self: { id: `id of ${name}`, name, version: '1.2.3', startedAt: 1_000 },
    totals: async () => NOTHING,
    waiting: () => 0,
    state: () => 'ready',
    set: () => null,
    channel: new MemoryChannel(),
    clock: { nowMs: () => performance.now(), date: () => 5_000 },
    intervalMs: 1,
    ...more,
  };
}
