// Which replicas keep up with the master, and since when.
import { describe, expect, test } from 'vitest';
import { InSyncTracker } from '../../src/redis/in-sync.ts';

const LAG_MS = 250;
const role = (offset: number, replicas: Record<string, number>) => ({
  offset,
  replicas: new Map(Object.entries(replicas)),
});

/** A tracker after ticks every 300 ms: [offset of the master, offset of replica r, or null when it is not connected]. */
function after(...ticks: [offset: number, r: number | null][]): InSyncTracker {
  const tracker = new InSyncTracker(LAG_MS, -5);
  ticks.forEach(([offset, r], i) => tracker.update('m', role(offset, r === null ? {} : { r }), i * 300));
  return tracker;
}

describe('in sync since', () => {
  test.each<[string, [number, number | null][], number | null]>([
    ['the first tick says nothing yet', [[100, 100]], null],
    [
      'it has what the master had one tick before',
      [
        [100, 50],
        [200, 100],
      ],
      300,
    ],
    [
      'it is one byte behind that',
      [
        [100, 50],
        [200, 99],
      ],
      null,
    ],
    [
      'it keeps up',
      [
        [100, 100],
        [200, 100],
        [300, 250],
        [400, 300],
      ],
      300,
    ],
    [
      'it fell behind and caught up',
      [
        [100, 100],
        [200, 200],
        [300, 200],
        [400, 299],
        [500, 400],
      ],
      1_200,
    ],
    [
      'it is not connected',
      [
        [100, 100],
        [200, 200],
        [300, null],
      ],
      null,
    ],
    [
      'it was not connected for a tick',
      [
        [100, 100],
        [200, 200],
        [300, null],
        [400, 400],
      ],
      900,
    ],
  ])('%s', (_name, ticks, since) => {
    expect(after(...ticks).sinceMs('r')).toBe(since);
  });

  test('starts anew with another master', () => {
    const tracker = after([100, 100], [200, 200]);
    tracker.update('other', role(300, { r: 300 }), 600);
    expect(tracker.sinceMs('r')).toBeNull();
    tracker.update('other', role(300, { r: 300 }), 900);
    expect(tracker.sinceMs('r')).toBe(900);
  });

  test('starts anew when the master has gone back, as after a restart', () => {
    const tracker = after([100, 100], [200, 200]);
    tracker.update('m', role(10, { r: 200 }), 600);
    expect(tracker.sinceMs('r')).toBeNull();
  });

  test('starts anew after a gap, in which anything may have happened', () => {
    const tracker = after([100, 100], [200, 200]);
    tracker.update('m', role(900, { r: 200 }), 1_400);
    expect(tracker.sinceMs('r')).toBeNull();
  });

  test('compares with the last tick that is old enough, when ticks come faster', () => {
    const tracker = new InSyncTracker(LAG_MS, 0);
    for (let i = 0; i < 10; i++) tracker.update('m', role(i * 10, { r: i * 10 - 20 }), i * 100);
    // 30 bytes before at 300 ms before, and never more than 20 behind.
    expect(tracker.sinceMs('r')).toBe(300);
  });
});

describe('last in sync', () => {
  test('is the last tick at which it was', () => {
    expect(after([100, 100], [200, 200], [300, null], [400, null]).lastMs('r')).toBe(300);
  });

  test('outlasts a change of the master', () => {
    const tracker = after([100, 100], [200, 200]);
    tracker.update('other', role(1, {}), 600);
    expect(tracker.lastMs('r')).toBe(300);
  });

  test('is the beginning for what was never seen in sync', () => {
    expect(after([100, 0]).lastMs('r')).toBe(-5);
  });
});
