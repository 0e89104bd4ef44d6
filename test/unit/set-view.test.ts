// Which nodes must have a save, from what the Sentinels say over time.
import { describe, expect, test } from 'vitest';
import {
  namedByMajority,
  INFO_SETTLES_MS,
  type SeenNode,
  type SentinelAnswer,
  SetViewTracker,
} from '../../src/redis/set-view.ts';

const POLL_MS = 300;

/** One Sentinel's answer: the master, then all nodes it lists; those with a ! are down in its eyes, `b=0` is a priority. */
function says(master: string, ...nodes: string[]): SentinelAnswer {
  const seen = [master, ...nodes].map((text): [string, SeenNode] => {
    const [name = '', priority] = text.replace('!', '').split('=');
    return [name, { isDown: text.endsWith('!'), priority: Number(priority ?? 100), infoAgeMs: 0 }];
  });
  return { master: master.replace('!', ''), nodes: new Map(seen), isFailingOver: false, isInTilt: false };
}

/** Feeds polls to a tracker of three Sentinels and shows the view after each: `master: required…`. */
function follow(...polls: (SentinelAnswer | null)[][]): string[] {
  return followFrom(0, polls, inSyncAt(Number.NEGATIVE_INFINITY));
}

function followFrom(
  startMs: number,
  polls: (SentinelAnswer | null)[][],
  lastInSyncMs: (node: string) => number,
): string[] {
  const tracker = new SetViewTracker(3, lastInSyncMs);
  return polls.map((answers, i) => {
    const required = tracker.update(answers, startMs + i * POLL_MS);
    return `${namedByMajority(answers) ?? 'nobody'}: ${[...required].toSorted().join(' ')}`;
  });
}

const inSyncAt = (ms: number) => (): number => ms;
const all = (answer: SentinelAnswer | null) => [answer, answer, answer];
const WHOLE = says('a', 'b', 'c');

describe('the master', () => {
  test.each([
    ['all three', [WHOLE, WHOLE, WHOLE], 'a'],
    ['two and a silent one', [WHOLE, WHOLE, null], 'a'],
    ['two against one', [WHOLE, says('b', 'a', 'c'), WHOLE], 'a'],
    ['one and one', [WHOLE, says('b', 'a', 'c'), null], 'nobody'],
    ['one alone', [WHOLE, null, null], 'nobody'],
    ['nobody', [null, null, null], 'nobody'],
  ])('named by %s', (_name, answers, master) => {
    expect(follow(answers)[0]).toMatch(new RegExp(`^${master}:`));
  });
});

describe('required', () => {
  test('is every other node that any Sentinel lists', () => {
    expect(follow([says('a', 'b'), says('a', 'c'), says('a')])).toEqual(['a: b c']);
  });

  test('is a node that is down, until two polls in a row say so', () => {
    const down = all(says('a', 'b', 'c!'));
    expect(follow(all(WHOLE), down, down, down)).toEqual(['a: b c', 'a: b c', 'a: b', 'a: b']);
  });

  test('is a node that came back between two polls that say down', () => {
    const down = all(says('a', 'b', 'c!'));
    expect(follow(down, all(WHOLE), down)).toEqual(['a: b c', 'a: b c', 'a: b c']);
  });

  test('is a node that left and is back, at once', () => {
    const down = all(says('a', 'b', 'c!'));
    expect(follow(down, down, [says('a', 'b', 'c!'), says('a', 'b', 'c!'), WHOLE])).toEqual([
      'a: b c',
      'a: b',
      'a: b c',
    ]);
  });

  test('is a node that one answering Sentinel still takes for up', () => {
    const split = [says('a', 'b', 'c!'), says('a', 'b', 'c!'), WHOLE];
    expect(follow(split, split, split).at(-1)).toBe('a: b c');
  });

  test('is no longer a node that only a Sentinel in TILT takes for up: it does not notice, and promotes nobody', () => {
    const down = says('a', 'b', 'c!');
    const tilt = [down, down, { ...WHOLE, isInTilt: true }];
    expect(follow(tilt, tilt).at(-1)).toBe('a: b');
    const tooFew = [down, { ...down, isInTilt: true }, { ...WHOLE, isInTilt: true }];
    expect(follow(tooFew, tooFew, tooFew).at(-1)).toBe('a: b c');
  });

  test('is a node that too few Sentinels are there to exclude', () => {
    const few = [says('a', 'b', 'c!'), null, null];
    expect(follow(all(WHOLE), few, few, few).at(-1)).toBe('nobody: a b c');
  });

  test('is a node that too few Sentinels list', () => {
    const one = [says('a', 'b', 'c!'), says('a', 'b'), says('a', 'b')];
    expect(follow(one, one, one).at(-1)).toBe('a: b c');
  });

  test('is a node that only a silent Sentinel lists', () => {
    const silent = [says('a', 'b'), says('a', 'b'), null];
    expect(follow([says('a', 'b'), says('a', 'b'), WHOLE], silent, silent)).toEqual(['a: b c', 'a: b c', 'a: b c']);
  });

  test('grows without a majority and does not shrink', () => {
    expect(follow(all(says('a', 'b')), [says('a', 'b', 'd'), null, null], all(null)).at(-1)).toBe('nobody: a b d');
  });

  test('starts to count anew after polls without a majority', () => {
    const down = all(says('a', 'b', 'c!'));
    expect(follow(down, all(null), down).at(-1)).toBe('a: b c');
  });

  test('is a former master, until it is down for a majority; the new master is not', () => {
    const after = all(says('b', 'a!', 'c'));
    expect(follow(all(WHOLE), after, after)).toEqual(['a: b c', 'b: a c', 'b: c']);
  });

  test('drops what every Sentinel has forgotten', () => {
    expect(follow(all(WHOLE), all(says('a', 'b')))).toEqual(['a: b c', 'a: b']);
  });
});

describe('a node of priority 0', () => {
  const zero = all(says('a', 'b', 'c=0'));

  test('leaves like one that is down', () => {
    expect(follow(all(WHOLE), zero, zero)).toEqual(['a: b c', 'a: b c', 'a: b']);
  });

  test('is required while one Sentinel knows another priority, or too few know any', () => {
    const split = [says('a', 'b', 'c=0'), says('a', 'b', 'c=0'), WHOLE];
    const few = [says('a', 'b', 'c=0'), says('a', 'b'), says('a', 'b')];
    expect([follow(split, split, split).at(-1), follow(few, few, few).at(-1)]).toEqual(['a: b c', 'a: b c']);
  });

  test('leaves when some Sentinels take it for down and the others know its priority', () => {
    const mixed = [says('a', 'b', 'c!'), says('a', 'b', 'c=0'), says('a', 'b', 'c=0')];
    expect(follow(mixed, mixed).at(-1)).toBe('a: b');
  });

  test('is required until the Sentinels read it long enough after the node was last in sync', () => {
    const early = 10_000 + INFO_SETTLES_MS - 1;
    expect(followFrom(early - POLL_MS, [zero, zero], inSyncAt(10_000)).at(-1)).toBe('a: b c');
    expect(followFrom(early + 1, [zero, zero], inSyncAt(10_000)).at(-1)).toBe('a: b');
  });

  test('is judged by when it was read, not by when the Sentinels were asked', () => {
    const old = says('a', 'b', 'c=0');
    const seen = { isDown: false, priority: 0, infoAgeMs: 9_000 };
    const stale = all({ ...old, nodes: new Map([...old.nodes, ['c', seen]]) });
    expect(followFrom(8_000, [stale, stale, stale], inSyncAt(0)).at(-1)).toBe('a: b c');
    expect(followFrom(12_000, [stale, stale, stale], inSyncAt(0)).at(-1)).toBe('a: b');
  });
});

describe('a node that never answered INFO', () => {
  const unheard = all({
    ...WHOLE,
    nodes: new Map([...WHOLE.nodes, ['c', { isDown: false, priority: 100, infoAgeMs: null }]]),
  });

  test('leaves: a former master that died is not waited for until it counts as down', () => {
    expect(follow(unheard, unheard)).toEqual(['a: b c', 'a: b']);
  });

  test('is required when it was in sync just now: the Sentinels have only forgotten it', () => {
    expect(followFrom(1_000, [unheard, unheard], inSyncAt(0)).at(-1)).toBe('a: b c');
    expect(followFrom(INFO_SETTLES_MS, [unheard, unheard], inSyncAt(0)).at(-1)).toBe('a: b');
  });

  test('is required while one Sentinel has heard from it', () => {
    const split = [unheard[0]!, unheard[0]!, WHOLE];
    expect(follow(split, split, split).at(-1)).toBe('a: b c');
  });
});

test('a master is in no list, and the former one keeps what it was found to be', () => {
  const dead = all(says('a!', 'b', 'c'));
  expect(follow(dead, dead, all(says('b', 'a!', 'c')))).toEqual(['a: b c', 'a: b c', 'b: c']);
});

test('what is known includes masters, former masters and what silent Sentinels told', () => {
  const tracker = new SetViewTracker(3, () => 0);
  tracker.update([WHOLE, says('d'), null], 0);
  tracker.update([null, null, null], 300);
  expect([...tracker.known].toSorted()).toEqual(['a', 'b', 'c', 'd']);
});

test('answers are handed on for as long as they are young enough', () => {
  const tracker = new SetViewTracker(3, () => 0);
  tracker.update([WHOLE, null, null], 0);
  tracker.update([null, says('b'), null], 500);
  expect(tracker.answersSince(500).map(({ master }) => master)).toEqual(['b']);
  expect(tracker.answersSince(0).map(({ master }) => master)).toEqual(['a', 'b']);
});
