// Each line of the decision whether a commit counts.
import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { countRule, type Evidence, everyReplicaRule, judge } from '../../src/redis/acknowledgement.ts';
import { parseRole } from '../../src/redis/master-role.ts';
import type { FreshView } from '../../src/redis/sentinel-watch.ts';

const MASTER = '10.0.0.1:6379';
const B = '10.0.0.2:6379';
const C = '10.0.0.3:6379';
const role = (offset: number, replicas: Record<string, number>) => ({
  offset,
  replicas: new Map(Object.entries(replicas)),
});
/** Both replicas have everything, and everybody agrees. */
const GOOD: Evidence = {
  before: role(100, { [B]: 90, [C]: 90 }),
  after: role(120, { [B]: 100, [C]: 110 }),
  sent: { required: new Set([B, C]) },
  now: { required: new Set([B, C]), masterPeers: new Set([MASTER]) },
  peer: MASTER,
};

describe('a commit', () => {
  test('counts when every required replica acknowledged what the script wrote', () => {
    expect(judge(GOOD)).toBeNull();
  });

  test.each<[string, Partial<Evidence>, string]>([
    ['the node was no master before', { before: null }, 'not_master'],
    ['the node was no master after', { after: null }, 'not_master'],
    ['the Sentinels name another master', { peer: B }, 'other_master'],
    ['a required replica is behind by one byte', { after: role(120, { [B]: 99, [C]: 110 }) }, 'short_wait'],
    ['a required replica is not connected', { after: role(120, { [C]: 110 }) }, 'short_wait'],
    ['another replica makes up the number', { after: role(120, { [C]: 110, '10.0.0.9:6379': 120 }) }, 'short_wait'],
    [
      'a replica was required when it was sent only',
      { now: { ...GOOD.now, required: new Set([C]) }, after: role(120, { [C]: 110 }) },
      'short_wait',
    ],
    ['a replica is required since', { sent: { required: new Set([C]) }, after: role(120, { [C]: 110 }) }, 'short_wait'],
    [
      'nobody is required and nobody has it',
      { sent: { required: new Set() }, now: { ...GOOD.now, required: new Set() }, after: role(120, {}) },
      'short_wait',
    ],
  ])('does not count when %s', (_name, change, reason) => {
    expect(judge({ ...GOOD, ...change })).toBe(reason);
  });

  test('counts without a replica that could not be promoted', () => {
    const without = { required: new Set([C]) };
    expect(
      judge({ ...GOOD, sent: without, now: { ...GOOD.now, ...without }, after: role(120, { [C]: 100 }) }),
    ).toBeNull();
  });
});

describe('the rule of every replica', () => {
  const view: FreshView = { master: MASTER, required: new Set([B, C]), masterPeers: new Set([MASTER]) };
  const connection = { stream: { remoteAddress: '::ffff:10.0.0.1', remotePort: 6379 } } as unknown as Redis;
  const replies = [
    ['master', 100, []],
    2,
    [
      'master',
      120,
      [
        ['10.0.0.2', '6379', '100'],
        ['10.0.0.3', '6379', '100'],
      ],
    ],
  ];

  test('asks for time for all of them and judges by name', () => {
    const attempt = everyReplicaRule(() => view, 700)(connection);
    if (typeof attempt === 'string') throw new Error(attempt);
    expect(attempt.commands).toEqual([['ROLE'], ['WAIT', '2', '700'], ['ROLE']]);
    expect(attempt.judge(replies)).toBeNull();
  });

  test('sends nothing without a fresh view', () => {
    expect(everyReplicaRule(() => null, 700)(connection)).toBe('no_view');
  });

  test('confirms nothing when the view is no longer fresh', () => {
    let current: FreshView | null = view;
    const attempt = everyReplicaRule(() => current, 700)(connection);
    current = null;
    expect(typeof attempt === 'string' ? attempt : attempt.judge(replies)).toBe('no_view');
  });

  test('waits for one replica at least', () => {
    const alone = everyReplicaRule(() => ({ ...view, required: new Set() }), 700)(connection);
    expect(typeof alone === 'string' ? alone : alone.commands[1]).toEqual(['WAIT', '1', '700']);
  });
});

describe('the rule of a number', () => {
  test('counts replicas', () => {
    const attempt = countRule(2, 700)({} as Redis);
    if (typeof attempt === 'string') throw new Error(attempt);
    expect(attempt.commands).toEqual([['WAIT', '2', '700']]);
    expect([1, 2, 3].map((count) => attempt.judge([count]))).toEqual(['short_wait', null, null]);
  });

  test('of none asks nobody', () => {
    const attempt = countRule(0, 700)({} as Redis);
    expect(attempt).toMatchObject({ commands: [] });
  });
});

test.each([
  ['a replica', ['slave', '10.0.0.1', 6379, 'connected', 5]],
  ['a Sentinel', ['sentinel', ['items']]],
  ['nothing', null],
])('ROLE of %s is not that of a master', (_name, reply) => {
  expect(parseRole(reply)).toBeNull();
});
