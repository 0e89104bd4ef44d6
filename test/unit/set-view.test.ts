// Which nodes must have a save, from what the Sentinels say over time.
import { describe, expect, test } from 'vitest';
import { type SentinelAnswer, SetViewTracker } from '../../src/redis/set-view.ts';

const POLL_MS = 300;

/** One Sentinel's answer: the master, then all nodes it lists; those with a ! are down in its eyes. */
function says(master: string, ...nodes: string[]): SentinelAnswer {
  const isDown = new Map([[master.replace('!', ''), master.endsWith('!')]]);
  for (const node of nodes) isDown.set(node.replace('!', ''), node.endsWith('!'));
  return { master: master.replace('!', ''), isDown };
}

/** Feeds polls to a tracker of three Sentinels and shows the view after each: `master: required…`. */
function follow(...polls: (SentinelAnswer | null)[][]): string[] {
  const tracker = new SetViewTracker(3);
  return polls.map((answers, i) => {
    const { master, required } = tracker.update(answers, i * POLL_MS);
    return `${master ?? 'nobody'}: ${[...required].toSorted().join(' ')}`;
  });
}

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
