// The running system as a scenario sees it: who is who, and how far it has come.
import { setTimeout as sleep } from 'node:timers/promises';
import { askRedis } from '../stack/ask-redis.ts';
import type { Instance } from '../stack/instance.ts';
import type { Keeper } from '../stack/keeper.ts';
import type { RedisNode } from '../stack/redis-node.ts';
import type { RedisSet } from '../stack/redis-set.ts';
import type { Stack } from '../stack/stack.ts';
import { waitFor } from '../stack/wait.ts';
import type { Dice } from './dice.ts';
import type { Host } from './network.ts';

export class Subject {
  readonly stack: Stack;
  readonly set: RedisSet;
  readonly dice: Dice;
  /** How many saves have been acknowledged so far. */
  readonly saved: () => number;

  constructor(stack: Stack, dice: Dice, saved: () => number) {
    this.stack = stack;
    this.set = stack.redis;
    this.dice = dice;
    this.saved = saved;
  }

  get instances(): readonly Instance[] {
    return this.stack.instances;
  }

  get sentinels(): readonly RedisNode[] {
    return this.set.sentinelNodes;
  }

  get keepers(): readonly Keeper[] {
    return this.set.keepers;
  }

  /** Everybody who can be cut off. */
  get hosts(): Host[] {
    return [...this.set.nodes, ...this.sentinels, ...this.keepers, ...this.instances];
  }

  rest(ms: number): Promise<void> {
    return sleep(ms);
  }

  /** The master that a majority of the Sentinels names; waits for one. */
  async master(): Promise<RedisNode> {
    return waitFor(() => this.set.masterNode(), { timeoutMs: 30_000, what: 'no majority named a master' });
  }

  /** Waits until another node than `old` is master. */
  async failedOver(old: RedisNode, timeoutMs = 30_000): Promise<RedisNode> {
    const other = async (): Promise<RedisNode | null> => {
      const node = await this.set.masterNode();
      return node === old ? null : node;
    };
    return waitFor(other, { timeoutMs, what: `no other master than ${old.name}` });
  }

  /** The master and its replicas, these in random order. */
  async roles(): Promise<{ master: RedisNode; replicas: [RedisNode, RedisNode] }> {
    const master = await this.master();
    const replicas = this.dice.shuffle(this.set.nodes.filter((node) => node !== master));
    return { master, replicas: replicas as [RedisNode, RedisNode] };
  }

  /** One command to a Redis node or a Sentinel. */
  ask(node: RedisNode, ...command: [string, ...string[]]): Promise<unknown> {
    return askRedis(node, command, 2_000);
  }

  /** Waits for that many more acknowledged saves. */
  async savedMore(count: number, timeoutMs = 30_000): Promise<void> {
    const from = this.saved();
    await waitFor(() => this.saved() >= from + count, { timeoutMs, what: `fewer than ${count} saves` });
  }
}
