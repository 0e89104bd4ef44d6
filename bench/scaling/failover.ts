// What waits, is refused and comes too late while the set has no master: a queue at each instance, in steps of time.

export type Outage = {
  /** Saves that come in at all instances together. */
  readonly perSecond: number;
  readonly instances: number;
  readonly gapMs: number;
  /** What all instances together save once there is a master again. */
  readonly capacityPerSecond: number;
  readonly maxPendingSaves: number;
  readonly saveDeadlineMs: number;
};

/** Numbers of saves at all instances together. */
export type Cost = {
  readonly waitedMost: number;
  /** 503 at once, because the queue was full. */
  readonly refused: number;
  /** 503 at SAVE_DEADLINE_MS. */
  readonly late: number;
  readonly saved: number;
  /** From the end of the gap until nobody waits for longer than a step; null when that never comes. */
  readonly caughtUpAfterMs: number | null;
};

const STEP_MS = 10;
const LONGEST_MS = 600_000;

/** Load comes in evenly from the beginning of the gap until the queues are empty again, and is answered in its order. */
export function simulateOutage(outage: Outage): Cost {
  const { perSecond, instances, gapMs, capacityPerSecond, maxPendingSaves, saveDeadlineMs } = outage;
  // All instances are alike, so one queue with the room of all of them is the same.
  const room = maxPendingSaves * instances;
  const arriving = (perSecond * STEP_MS) / 1_000;
  const serving = (capacityPerSecond * STEP_MS) / 1_000;
  /** By when they came, oldest first. */
  const queue: { readonly atMs: number; count: number }[] = [];
  let [waiting, waitedMost, refused, late, saved, head] = [0, 0, 0, 0, 0, 0];
  const take = (atMost: number): number => {
    let taken = 0;
    while (head < queue.length && taken < atMost) {
      const first = queue[head];
      if (first === undefined) break;
      const part = Math.min(first.count, atMost - taken);
      first.count -= part;
      taken += part;
      if (first.count <= 1e-9) head += 1;
    }
    waiting -= taken;
    return taken;
  };
  for (let nowMs = 0; nowMs < LONGEST_MS; nowMs += STEP_MS) {
    const accepted = Math.min(arriving, room - waiting);
    refused += arriving - accepted;
    if (accepted > 0) queue.push({ atMs: nowMs, count: accepted });
    waiting += accepted;
    for (let first = queue[head]; first !== undefined && nowMs - first.atMs >= saveDeadlineMs; first = queue[head]) {
      late += take(first.count);
    }
    waitedMost = Math.max(waitedMost, waiting);
    if (nowMs < gapMs) continue;
    saved += take(serving);
    if (waiting <= 1e-6) return { waitedMost, refused, late, saved, caughtUpAfterMs: nowMs + STEP_MS - gapMs };
  }
  return { waitedMost, refused, late, saved, caughtUpAfterMs: null };
}
