// A Redis master and two replicas on a simulated network, and what clients can ask of them.
import type { ContentKey } from '../../src/items/content.ts';
import type { SaveCommand } from '../../src/items/ports.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { type MakeState, SimulatedNode } from './simulated-redis.ts';

export const NODES = ['a', 'b', 'c'] as const;

/** Where a node is, as `ip:port`. */
export const addressOf = (node: string): string => `10.0.0.${NODES.findIndex((name) => name === node) + 1}:6379`;
/** The node that is there. */
export const nodeAt = (address: string): string => NODES.find((node) => addressOf(node) === address) ?? address;

export class SimulatedSet {
  readonly #net: SimulatedNetwork;
  readonly #nodes: ReadonlyMap<string, SimulatedNode>;
  readonly #copying = new Set<string>();
  #items = 0;

  constructor(net: SimulatedNetwork, makeState: MakeState) {
    this.#net = net;
    this.#nodes = new Map(NODES.map((name) => [name, new SimulatedNode(name, name === 'a' ? null : 'a', makeState)]));
  }

  node(name: string): SimulatedNode {
    const found = this.#nodes.get(name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  }

  /** Whether all nodes run and have the same writes. */
  get isWhole(): boolean {
    const [first, ...others] = [...this.#nodes.values()];
    return others.every(({ log }) => log.length === first?.log.length && log.at(-1) === first.log.at(-1));
  }

  /** One unit of commands on one connection: the script, then those that prove where its writes are; all replies. */
  async commit(
    client: string,
    name: string,
    commands: readonly SaveCommand[],
    proof: readonly (readonly [string, ...string[]])[],
  ): Promise<unknown[]> {
    const texts = commands.map(
      ({ content, claims }) => `${content.text} for ${claims.map(({ token }) => token).join()}`,
    );
    await this.#net.deliver(client, name, `save ${texts.join(', ')}`);
    const node = this.#writable(name);
    const replies: unknown[] = [commands.map((command) => node.save(command, ++this.#items))];
    this.replicate();
    for (const [command, ...args] of proof) {
      if (command === 'ROLE') replies.push(node.role(addressOf));
      else if (command === 'WAIT') replies.push(await this.#wait(node, Number(args[0]), Number(args[1])));
      else throw new Error(`the simulation does not know ${command}`);
    }
    await this.#net.reply(name, client, 'decided');
    return replies;
  }

  /** See `SimulatedNode`. */
  async lock(
    client: string,
    name: string,
    keys: readonly ContentKey[],
    token: string,
    ttlMs: number,
  ): Promise<string | null> {
    await this.#net.deliver(client, name, `lock as ${token}`);
    const holder = this.#writable(name).lock(keys, token, this.#net.clock.nowMs(), ttlMs);
    this.replicate();
    await this.#net.reply(name, client, holder === null ? 'locked' : `held by ${holder}`);
    return holder;
  }

  async unlock(client: string, name: string, key: ContentKey, holder: string): Promise<void> {
    await this.#net.deliver(client, name, `unlock ${holder}`);
    this.#writable(name).unlock(key, holder);
    this.replicate();
    await this.#net.reply(name, client, 'unlocked');
  }

  /** Sets everything going that replicas have to catch up with. */
  replicate(): void {
    for (const replica of this.#nodes.values()) {
      const master = this.#masterOf(replica);
      if (master === null || this.#copying.has(replica.name)) continue;
      const hasAll = replica.log.length === master.log.length && replica.log.at(-1) === master.log.at(-1);
      if (hasAll && master.acknowledged.get(replica.name) === master.log.length) continue;
      this.#copying.add(replica.name);
      void this.#copy(master, replica);
    }
  }

  async #copy(master: SimulatedNode, replica: SimulatedNode): Promise<void> {
    const links = [master.links, replica.links].join();
    const isLinked = (): boolean =>
      this.#masterOf(replica) === master && [master.links, replica.links].join() === links;
    // What the master writes from now on is on its way later.
    const sent = master.log.length;
    await this.#net.step(`${master.name} ⇒ ${replica.name}: ${sent}`);
    if (isLinked()) {
      replica.copyFrom(master, sent);
      const offset = replica.log.length;
      await this.#net.step(`${replica.name} ⇒ ${master.name}: has ${offset}`);
      if (isLinked()) master.acknowledge(replica.name, offset);
    }
    this.#copying.delete(replica.name);
    this.replicate();
  }

  /** The master that this replica can copy from now. */
  #masterOf(replica: SimulatedNode): SimulatedNode | null {
    const master = replica.follows === null ? undefined : this.#nodes.get(replica.follows);
    return master?.follows === null && this.#net.reaches(master.name, replica.name) ? master : null;
  }

  #writable(name: string): SimulatedNode {
    const node = this.node(name);
    if (node.follows !== null) throw new Error("READONLY You can't write against a read only replica.");
    return node;
  }

  async #wait(node: SimulatedNode, replicas: number, timeoutMs: number): Promise<number> {
    await Promise.race([node.acknowledgedBy(replicas), this.#net.clock.delay(timeoutMs)]);
    await this.#net.whenRunning(node.name);
    return [...node.acknowledged.values()].filter((offset) => offset >= node.log.length).length;
  }
}
