// What the status page is fed with: rates, who is there, and what it costs while nobody watches.
import { expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../stack/wait.ts';
import { METRIC_LABELS } from '../support/test-app.ts';
import { createMetrics, SAVE_OUTCOMES } from '../../src/observability/metrics.ts';
import { saveTotals } from '../../src/observability/save-totals.ts';
import { StatusBoard } from '../../src/status/board.ts';
import { Neighbours } from '../../src/status/neighbours.ts';
import { NOTHING, RateMeter, sum } from '../../src/status/rates.ts';
import { type Failover, readReport, type SetReport, type Snapshot } from '../../src/status/report.ts';
import { boardDeps, MemoryChannel } from '../support/memory-channel.ts';

const SET: SetReport = {
  master: 'a:1',
  isFailingOver: false,
  sentinels: { answering: 3, all: 3 },
  nodes: [],
  failover: null,
};
const failoverAt = (at: number): Failover => ({ from: 'a:1', to: 'b:1', at, withoutMasterMs: 2_000 });

function open(name: string, more: Parameters<typeof boardDeps>[1] = {}): StatusBoard {
  const board = new StatusBoard(boardDeps(name, more));
  onTestFinished(() => board.stop());
  return board;
}

/** Watches until a snapshot is as wanted. */
async function snapshotWith(board: StatusBoard, isWanted: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  const watch = board.watch();
  try {
    for (let snapshot = await watch?.next(); snapshot != null; snapshot = await watch?.next()) {
      if (isWanted(snapshot)) return snapshot;
    }
    throw new Error('the watch ended');
  } finally {
    watch?.close();
  }
}

const reportOf = (name: string, more: object = {}): string =>
  JSON.stringify({
    id: name,
    name,
    version: '1',
    startedAt: 1,
    state: 'ready',
    rates: NOTHING,
    waiting: 0,
    failover: null,
    ...more,
  });

test('a rate is what came since the last look, by the time since then', () => {
  const meter = new RateMeter();
  expect(meter.update({ ...NOTHING, saved: 500 }, 1_000)).toEqual(NOTHING);
  expect(meter.update({ ...NOTHING, saved: 800, failed: 1 }, 3_000)).toEqual({ ...NOTHING, saved: 150, failed: 0.5 });
  expect(meter.update({ ...NOTHING, saved: 800, failed: 1 }, 4_000)).toEqual(NOTHING);
  expect(
    sum([
      { ...NOTHING, saved: 1.5 },
      { ...NOTHING, saved: 2, refused: 1 },
    ]),
  ).toEqual({
    ...NOTHING,
    saved: 3.5,
    refused: 1,
  });
});

test('every outcome of the metric is in one of the totals, over all modes', async () => {
  const metrics = createMetrics({ ...METRIC_LABELS, pendingSaves: () => 0 });
  for (const outcome of SAVE_OUTCOMES) metrics.itemSaves.inc({ outcome, mode: 'single' });
  metrics.itemSaves.inc({ outcome: 'saved', mode: 'stream' }, 10);
  expect(await saveTotals(metrics)).toEqual({ saved: 11, duplicates: 1, replayed: 1, refused: 2, failed: 2 });
});

test('shows every instance that is heard, and adds them up', async () => {
  const channel = new MemoryChannel();
  let saved = 0;
  open('a', { channel, waiting: () => 2, totals: async () => ({ ...NOTHING, saved: (saved += 5) }) });
  const second = open('b', { channel, waiting: () => 3, set: () => SET });
  const snapshot = await snapshotWith(
    second,
    ({ instances }) => instances.length === 2 && (instances[0]?.rates.saved ?? 0) > 0,
  );
  expect(snapshot.instances.map(({ name, state }) => [name, state])).toEqual([
    ['a', 'ready'],
    ['b', 'ready'],
  ]);
  expect(snapshot).toMatchObject({ at: 5_000, tellsId: 'id of b', waiting: 5, set: SET, failover: null });
  expect(snapshot.rates.saved).toBe(snapshot.instances[0]?.rates.saved);
});

test('the last failover is the last one that anybody saw', async () => {
  const channel = new MemoryChannel();
  open('a', { channel, set: () => ({ ...SET, failover: failoverAt(200) }) });
  const second = open('b', { channel, set: () => ({ ...SET, failover: failoverAt(100) }) });
  const { failover } = await snapshotWith(second, ({ instances }) => instances.length === 2);
  expect(failover).toEqual(failoverAt(200));
});

test('while nobody watches it listens to nobody, and still tells the others how it fares', async () => {
  const channel = new MemoryChannel();
  const board = open('a', { channel });
  const said = () =>
    waitFor(() => channel.said.length > 1, { timeoutMs: 20_000, everyMs: 1, what: 'nothing was said' });
  await said();
  expect(channel.listeners.size).toBe(0);
  const [first, second] = [board.watch(), board.watch()];
  expect([channel.listeners.size, board.watchers]).toEqual([1, 2]);
  first?.close();
  first?.close();
  expect([channel.listeners.size, board.watchers]).toEqual([1, 1]);
  second?.close();
  expect([channel.listeners.size, board.watchers]).toEqual([0, 0]);
});

test('the first snapshot comes at once, the next one when it is new', async () => {
  const channel = new MemoryChannel();
  const board = open('a', { channel, intervalMs: 60_000 });
  await waitFor(() => channel.said.length === 1, { timeoutMs: 20_000, everyMs: 1, what: 'it said nothing' });
  const watch = board.watch();
  expect(await watch?.next()).toMatchObject({ tellsId: 'id of a' });
  let isThere = false;
  const next = watch?.next().finally(() => (isThere = true));
  await new Promise(setImmediate);
  expect(isThere).toBe(false);
  board.drain();
  expect(await next).toBeNull();
});

test('while draining nobody may watch, and the others still hear of it', async () => {
  const channel = new MemoryChannel();
  const board = open('a', { channel, state: () => 'draining' });
  const watch = board.watch();
  board.drain();
  expect(await watch?.next()).toBeNull();
  expect(board.watch()).toBeNull();
  const before = channel.said.length;
  await waitFor(() => channel.said.length > before, { timeoutMs: 20_000, everyMs: 1, what: 'it fell silent' });
  expect(readReport(channel.said.at(-1) ?? '')).toMatchObject({ state: 'draining' });
});

test('who falls silent is not counted, is shown for a minute, and when it was draining not even that', () => {
  const neighbours = new Neighbours('me');
  neighbours.hear(reportOf('other'), 0);
  neighbours.hear(reportOf('leaving', { state: 'draining' }), 0);
  neighbours.hear(reportOf('me'), 0);
  const names = (nowMs: number) => neighbours.seen(nowMs).map(({ name, silentMs }) => [name, silentMs]);
  expect(names(3_000)).toEqual([
    ['other', 3_000],
    ['leaving', 3_000],
  ]);
  expect(names(60_000)).toEqual([['other', 60_000]]);
  expect(names(60_001)).toEqual([]);
});

test('a silent instance is in no sum', async () => {
  const channel = new MemoryChannel();
  let nowMs = 0;
  const board = open('a', { channel, clock: { nowMs: () => nowMs, date: () => 0 } });
  const watch = board.watch();
  channel.publish(reportOf('other', { waiting: 7 }));
  const waiting = async () => (await snapshotWith(board, ({ instances }) => instances.length === 2)).waiting;
  expect(await waiting()).toBe(7);
  nowMs = 4_000;
  expect(await waiting()).toBe(0);
  watch?.close();
});

test.each([
  ['no JSON', '{'],
  ['something else', '{"id":"a"}'],
  ['a rate below zero', reportOf('a', { rates: { ...NOTHING, saved: -1 } })],
  ['more than there should be', reportOf('a', { content: 'x' })],
  ['a name that is too long', reportOf('a', { name: 'x'.repeat(257) })],
  ['a text that is too long', `${reportOf('a')}${' '.repeat(5_000)}`],
])('%s on the channel is nobody', (_name, text) => {
  expect(readReport(reportOf('a'))).not.toBeNull();
  const neighbours = new Neighbours('me');
  neighbours.hear(text, 0);
  expect(neighbours.seen(0)).toEqual([]);
});

test('no more than 500 are remembered, and those go on being heard', () => {
  const neighbours = new Neighbours('me');
  for (let i = 0; i < 600; i++) neighbours.hear(reportOf(`n${i}`), 0);
  neighbours.hear(reportOf('n0', { waiting: 1 }), 1);
  const seen = neighbours.seen(1);
  expect(seen).toHaveLength(500);
  expect(seen.find(({ name }) => name === 'n0')?.waiting).toBe(1);
});
