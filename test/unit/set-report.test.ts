// What people are told of the Redis set: who is master, who is behind, and when that last changed.
import { expect, test } from 'vitest';
import type { Poll } from '../../src/redis/sentinel-watch.ts';
import { SetReporter } from '../../src/redis/set-report.ts';
import type { SentinelAnswer } from '../../src/redis/set-view.ts';

const [A, B, C] = ['a:1', 'b:1', 'c:1'] as const;
const SEEN = { isDown: false, priority: 100, infoAgeMs: 100 };

function answer(down: readonly string[] = [], isFailingOver = false): SentinelAnswer {
  const nodes = new Map([A, B, C].map((node) => [node, { ...SEEN, isDown: down.includes(node) }]));
  return { master: A, nodes, isFailingOver, isInTilt: false };
}

type Given = { master?: string | null; acknowledged?: Record<string, number>; answers?: readonly SentinelAnswer[] };

function pollAt(
  askedAtMs: number,
  { master = A, acknowledged = { [B]: 900, [C]: 1_000 }, ...given }: Given = {},
): Poll {
  const role = { offset: 1_000, replicas: new Map(Object.entries(acknowledged)) };
  return {
    askedAtMs,
    confirmed: master === null ? null : { master, role },
    required: new Set([B, C]),
    known: new Set([C, B, A]),
    answers: given.answers ?? [answer(), answer(), answer()],
    inSync: { sinceMs: (node) => (node === C ? 0 : null) },
  };
}

const states = (reporter: SetReporter, nowMs: number) =>
  Object.fromEntries(reporter.report(nowMs).nodes.map(({ address, state }) => [address, state]));

test('before anybody has answered it knows nothing', () => {
  expect(new SetReporter(3).report(0)).toEqual({
    master: null,
    isFailingOver: false,
    sentinels: { answering: 0, all: 3 },
    nodes: [],
    failover: null,
  });
});

test('names the master, and of each replica how far it is behind and whether a save waits for it', () => {
  const reporter = new SetReporter(3);
  reporter.see(pollAt(0), 0);
  expect(reporter.report(10)).toMatchObject({
    master: A,
    sentinels: { answering: 3, all: 3 },
    nodes: [
      { address: A, state: 'master', lagBytes: null, isRequired: false },
      { address: B, state: 'behind', lagBytes: 100, isRequired: true },
      { address: C, state: 'in-sync', lagBytes: 0, isRequired: true },
    ],
  });
});

test('a replica that is not connected is absent, one that most Sentinels take for down is down', () => {
  const reporter = new SetReporter(3);
  reporter.see(pollAt(0, { acknowledged: {}, answers: [answer([B, C]), answer([C]), answer()] }), 0);
  expect(states(reporter, 0)).toEqual({ [A]: 'master', [B]: 'absent', [C]: 'down' });
});

test('nobody is master whom nobody has confirmed for a second, and then nobody can say who is behind', () => {
  const reporter = new SetReporter(3);
  reporter.see(pollAt(0), 0);
  reporter.see(pollAt(900, { master: null, answers: [answer([A], true), answer([A])] }), 900);
  expect(reporter.report(1_000).master).toBe(A);
  expect(reporter.report(1_001)).toMatchObject({ master: null, isFailingOver: true, sentinels: { answering: 2 } });
  expect(states(reporter, 1_001)).toEqual({ [A]: 'down', [B]: 'unknown', [C]: 'unknown' });
});

test('a failover is another master than before, and lasts from the last look at one to the first at the other', () => {
  const reporter = new SetReporter(3);
  reporter.see(pollAt(1_000), 50_000);
  reporter.see(pollAt(2_000, { master: null }), 51_000);
  reporter.see(pollAt(3_500, { master: A }), 52_500);
  expect(reporter.report(3_500).failover).toBeNull();
  reporter.see(pollAt(6_000, { master: B, acknowledged: { [C]: 1_000 } }), 55_000);
  const failover = { from: A, to: B, at: 55_000, withoutMasterMs: 2_500 };
  expect(reporter.report(6_000)).toMatchObject({ master: B, failover });
  reporter.see(pollAt(6_300, { master: B }), 55_300);
  expect(reporter.report(6_300).failover).toEqual(failover);
});
