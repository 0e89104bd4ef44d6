// The keeper's loop: each node by itself, and nothing on an old view.
import { describe, expect, test } from 'vitest';
import { Keeper, type KeeperObserver, type Nodes } from '../../src/keeper/keeper.ts';
import type { Poll } from '../../src/redis/sentinel-watch.ts';
import type { NodeState } from '../../src/redis/set-nodes.ts';

const IN_SYNC = { follows: 'a', priority: 0, isRewriting: false };

/** A keeper over two nodes, b ready to be marked; `seen` collects what it does. */
function keeperOver(read: (node: string) => Promise<NodeState | null>, setPriority?: Nodes['setPriority']) {
  const seen: string[] = [];
  const clock = { nowMs: 5_000 };
  const nodes: Nodes = {
    keepOnly: () => {},
    read,
    setPriority: setPriority ?? (async (node, priority) => void seen.push(`${node}=${priority}`)),
    follow: async (node, master) => void seen.push(`${node} follows ${master}`),
  };
  const observer: KeeperObserver = {
    looked: (node, kind) => seen.push(`${node} is ${kind}`),
    forgotten: () => {},
    done: (node, action) => seen.push(`done ${node} ${action.kind}`),
    failed: (node, _action, error) => seen.push(`failed ${node}: ${error.message}`),
  };
  return { keeper: new Keeper(nodes, observer, () => clock.nowMs), seen, clock };
}

type Look = { master?: string | null; required?: string[]; known?: string[]; inSync?: string[] };

function poll(askedAtMs: number, look: Look = {}): Poll {
  const { master = 'a', required = ['b'], known = ['a', 'b'], inSync = ['b'] } = look;
  const role = { offset: 1, replicas: new Map([['b', 1]]) };
  return {
    askedAtMs,
    confirmed: master === null ? null : { master, role },
    required: new Set(required),
    known: new Set(known),
    answers: [],
    inSync: { sinceMs: (node) => (inSync.includes(node) ? 0 : null) },
  };
}

describe('the keeper', () => {
  test('marks what is to be marked and tells of it', async () => {
    const { keeper, seen } = keeperOver(async (node) => (node === 'a' ? { ...IN_SYNC, follows: null } : IN_SYNC));
    await keeper.see(poll(5_000));
    expect(seen).toEqual(['a is master', 'b is not_promotable', 'b=100', 'done b set_priority']);
  });

  test('does not wait for one node to see to another, nor ask it twice at a time', async () => {
    const asked: string[] = [];
    const silent = Promise.withResolvers<null>();
    const { keeper, seen } = keeperOver((node) => {
      asked.push(node);
      return node === 'a' ? silent.promise : Promise.resolve(IN_SYNC);
    });
    const first = keeper.see(poll(5_000));
    await keeper.see(poll(5_000));
    expect(seen).toContain('done b set_priority');
    expect(asked.filter((node) => node === 'a')).toHaveLength(1);
    silent.resolve(null);
    await first;
    expect(seen.at(-1)).toBe('a is unreachable');
  });

  test('does nothing on a view that has become old', async () => {
    const { keeper, seen, clock } = keeperOver(async (node) => {
      clock.nowMs = 5_701;
      return node === 'a' ? null : IN_SYNC;
    });
    await keeper.see(poll(5_000));
    expect(seen).toEqual(['a is unreachable', 'b is not_promotable']);
  });

  test('does nothing for a master that was replaced meanwhile', async () => {
    const answer = Promise.withResolvers<NodeState>();
    const { keeper, seen } = keeperOver((node) => (node === 'b' ? answer.promise : Promise.resolve(null)));
    const first = keeper.see(poll(5_000));
    await keeper.see(poll(5_100, { master: 'c', known: ['c'] }));
    answer.resolve(IN_SYNC);
    await first;
    expect(seen.filter((line) => line.startsWith('b='))).toEqual([]);
  });

  test('tells of a node that refuses and goes on', async () => {
    const { keeper, seen } = keeperOver(
      async (node) => (node === 'a' ? null : IN_SYNC),
      () => Promise.reject(new Error('NOPERM')),
    );
    await keeper.see(poll(5_000));
    await keeper.see(poll(5_000));
    expect(seen.filter((line) => line === 'failed b: NOPERM')).toHaveLength(2);
  });

  describe('lowers a node that missed something', () => {
    const missing: Look = { known: ['a', 'b', 'c'], inSync: ['b'] };

    test('though it gives no answer: it finds that when it goes on', async () => {
      const { keeper, seen } = keeperOver(async () => null);
      await keeper.see(poll(5_000, missing));
      expect(seen).toContain('c=0');
    });

    test('without a master', async () => {
      let isReachable = false;
      const { keeper, seen } = keeperOver(
        async () => null,
        async (node, priority) => {
          if (!isReachable) throw new Error('closed');
          seen.push(`${node}=${priority}`);
        },
      );
      await keeper.see(poll(5_000, missing));
      expect(seen.filter((line) => line.startsWith('failed'))).toEqual([]);
      isReachable = true;
      await keeper.see(poll(5_300, { ...missing, master: null }));
      expect(seen).toContain('c=0');
    });

    test('once, until it is raised again', async () => {
      const { keeper, seen } = keeperOver(async (node) => (node === 'c' ? IN_SYNC : null));
      const lowered = () => seen.filter((line) => line === 'c=0').length;
      await keeper.see(poll(5_000, missing));
      await keeper.see(poll(5_000, missing));
      expect(lowered()).toBe(1);
      await keeper.see(poll(5_000, { ...missing, inSync: ['b', 'c'] }));
      expect(seen).toContain('c=100');
      await keeper.see(poll(5_000, missing));
      expect(lowered()).toBe(2);
    });

    test('and makes a silent former master follow the new one', async () => {
      const { keeper, seen } = keeperOver(async (node) => (node === 'a' ? null : IN_SYNC));
      const known = ['a', 'b', 'c'];
      await keeper.see(poll(5_000, { known }));
      const after: Look = { known, master: 'b', inSync: ['c'], required: ['c'] };
      await keeper.see(poll(5_000, after));
      expect(seen).toContain('a follows b');
    });

    test('but does not make a replica follow that only hangs', async () => {
      const { keeper, seen } = keeperOver(async () => null);
      await keeper.see(poll(5_000, missing));
      await keeper.see(poll(5_000, missing));
      expect(seen.filter((line) => line.includes('follows'))).toEqual([]);
    });
  });
});
