// Which replicas the keeper marks as promotable, and whom it makes follow the new master.
import { describe, expect, test } from 'vitest';
import { type Action, Marks } from '../../src/keeper/marks.ts';
import type { SentinelAnswer } from '../../src/redis/set-view.ts';
import type { NodeState } from '../../src/redis/set-nodes.ts';

type Look = {
  master?: string;
  /** In sync since then; others are not. */
  inSync?: Record<string, number>;
  required?: string[];
  connected?: string[];
  /** Masters that the Sentinels name. */
  named?: string[];
  isFailingOver?: boolean;
};

const NODES = ['a', 'b', 'c'];
const NOW_MS = 10_000;
const says = (master: string, isFailingOver: boolean): SentinelAnswer => ({
  master,
  nodes: new Map(),
  isFailingOver,
  isInTilt: false,
});
const replica = (priority: number, follows = 'a', isRewriting = false): NodeState => ({
  follows,
  priority,
  isRewriting,
});
const master = (priority: number): NodeState => ({ follows: null, priority, isRewriting: false });
const set = (priority: number): Action[] => [{ kind: 'set_priority', priority: priority === 0 ? 0 : 100 }];

function seen(look: Look) {
  const { master: named = 'a', inSync = { b: 0, c: 0 }, required = ['b', 'c'], connected = ['b', 'c'] } = look;
  return {
    askedAtMs: NOW_MS,
    master: named,
    known: new Set(NODES),
    required: new Set(required),
    role: { offset: 1, replicas: new Map(connected.map((node) => [node, 1])) },
    answers: (look.named ?? [named]).map((node) => says(node, look.isFailingOver ?? false)),
    inSync: { sinceMs: (node: string) => inSync[node] ?? null },
  };
}

/** What is done about the node in the last of these looks. */
function afterLooks(node: string, state: NodeState | null, ...looks: Look[]): Action[] {
  const marks = new Marks();
  return looks
    .map((look) => {
      const poll = seen(look);
      marks.see(poll);
      return marks.decide(node, state, poll);
    })
    .at(-1)!;
}

describe('the priority', () => {
  test.each<[string, string, NodeState | null, Look, Action[]]>([
    ['of the master becomes 0', 'a', master(100), {}, set(0)],
    ['of the master stays 0', 'a', master(0), {}, []],
    ['of a replica that is in sync becomes 100', 'b', replica(0), {}, set(100)],
    ['that somebody gave a replica stays', 'b', replica(1), {}, []],
    ['of a replica that is in sync stays 100', 'b', replica(100), {}, []],
    ['stays 0 before 2.5 s in sync', 'b', replica(0), { inSync: { b: NOW_MS - 2_499, c: 0 } }, []],
    ['becomes 100 after 2.5 s in sync', 'b', replica(0), { inSync: { b: NOW_MS - 2_500, c: 0 } }, set(100)],
    ['stays 0 until the data is on disk', 'b', replica(0, 'a', true), {}, []],
    ['stays 0 while it follows another master', 'b', replica(0, 'c'), {}, []],
    ['stays 0 of a replica that is behind', 'b', replica(0), { inSync: { c: 0 } }, []],
    ['stays 100 of one that lags, is connected and required', 'b', replica(100), { inSync: { c: 0 } }, []],
    ['becomes 0 when it lags and nobody requires it', 'b', replica(100), { inSync: { c: 0 }, required: ['c'] }, set(0)],
    ['becomes 0 when it is not connected', 'b', replica(100), { inSync: { c: 0 }, connected: ['c'] }, set(0)],
    [
      'stays 100 of all when none is in sync: nothing was acknowledged since',
      'b',
      replica(100),
      { inSync: {}, connected: [], required: [] },
      [],
    ],
    ['of a node that does not answer cannot be set', 'b', null, { inSync: { c: 0 }, connected: ['c'] }, []],
  ])('%s', (_name, node, state, look, expected) => {
    expect(afterLooks(node, state, look)).toEqual(expected);
  });

  test('stays 0 of a replica that missed something, though nobody else is in sync any more', () => {
    const missing = { inSync: { c: 0 }, connected: ['c'], required: ['c'] };
    expect(afterLooks('b', replica(100), missing, { inSync: {}, connected: ['b'] })).toEqual(set(0));
  });

  test('of such a replica is 100 again once it is in sync for a while, and then no longer held against it', () => {
    const missing = { inSync: { c: 0 }, connected: ['c'] };
    expect(afterLooks('b', replica(0), missing, { inSync: { b: NOW_MS - 1_000, c: 0 } })).toEqual([]);
    expect(afterLooks('b', replica(0), missing, {})).toEqual(set(100));
    expect(afterLooks('b', replica(100), missing, {}, { inSync: { c: 0 } })).toEqual([]);
  });
});

describe('a former master', () => {
  const before: Look = {};
  const now: Look = { master: 'b', inSync: { c: 0 }, required: ['a', 'c'], connected: ['c'] };
  const follow: Action[] = [{ kind: 'follow', master: 'b' }];

  test('that still claims to be one is made to follow at the second look', () => {
    expect(afterLooks('a', master(0), before, now)).toEqual([]);
    expect(afterLooks('a', master(0), before, now, now)).toEqual(follow);
  });

  test('has its replicas follow the new one too', () => {
    expect(afterLooks('c', replica(0, 'a'), before, now, now)).toEqual(follow);
    expect(afterLooks('c', replica(100, 'b'), before, now, now)).toEqual([]);
  });

  test.each<[string, Look]>([
    ['a failover is in progress: it may be the one that is being promoted', { ...now, isFailingOver: true }],
    ['a Sentinel still names it', { ...now, named: ['b', 'b', 'a'] }],
  ])('is left alone while %s', (_name, look) => {
    expect(afterLooks('a', master(0), before, look, look, look)).toEqual([]);
  });

  test('is counted anew after a look at which it gave no answer', () => {
    const marks = new Marks();
    const acts = [before, now, now, now].map((look, i) => {
      const poll = seen(look);
      marks.see(poll);
      return marks.decide('a', i === 2 ? null : master(0), poll);
    });
    expect(acts).toEqual([[], [], [], []]);
  });

  test('that is master again is left alone', () => {
    expect(afterLooks('a', master(0), before, now, before, before)).toEqual([]);
  });

  test('that was never seen as one is left to the Sentinels at first, and made to follow after six looks', () => {
    expect(afterLooks('a', master(0), now, now, now, now, now)).toEqual([]);
    expect(afterLooks('a', master(0), now, now, now, now, now, now)).toEqual(follow);
  });
});
