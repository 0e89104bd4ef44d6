// A save queue over a real store, with times for tests.
import { setTimeout } from 'node:timers/promises';
import { SaveQueue } from '../../src/items/save-queue.ts';
import type { OpenStore } from '../../src/redis/store.ts';

/**
 * An instance's save queue; nothing watches it. However slow the machine is, who waits for a lock of another instance gets
 * its answer before the wait is over, and nobody who is only slow is taken for dead.
 */
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
    { maxPendingSaves: 1_000, lockWaitMs: 5_000, lockBreakMs: 30_000, lockMarginMs: 1_500 },
  );
}
