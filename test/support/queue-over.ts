// A save queue over a real store, with times for tests.
import { setTimeout } from 'node:timers/promises';
import { SaveQueue } from '../../src/items/save-queue.ts';
import type { OpenStore } from '../../src/redis/store.ts';

/** An instance's save queue; nothing watches it. */
export function queueOver({ items, locks, tally }: OpenStore): SaveQueue {
  return new SaveQueue(
    {
      store: items,
      locks,
      tally,
      clock: {
        nowMs: () => performance.now(),
        delay: (ms) => setTimeout(ms),
        afterArrivals: (work) => void setImmediate(work),
      },
      random: Math.random,
      observer: { joined: () => {}, committed: () => {}, lockLost: () => {} },
    },
    { maxPendingSaves: 1_000, lockWaitMs: 300, lockBreakMs: 1_500, lockMarginMs: 1_500 },
  );
}
