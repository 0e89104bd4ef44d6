// Redis nodes that replicate: each a log of writes, applied in order to the model of the save script.
import type { ContentKey } from '../../src/items/content.ts';
import type { SaveCommand, Verdict } from '../../src/items/ports.ts';
import type { FakeRedis } from './fake-store.ts';

/** Everything that changes a node. Replaying a log gives the same node, so this is all that replication carries. */
type Write =
  | { readonly kind: 'save'; readonly command: SaveCommand; readonly atMs: number }
  | { readonly kind: 'lock'; readonly hex: string; readonly token: string; readonly expiresMs: number }
  | { readonly kind: 'unlock'; readonly hex: string; readonly token: string };

/** What the script decides by; replaced to see the checks fail. */
export type MakeState = () => FakeRedis;

export class SimulatedNode {
  readonly name: string;
  /** The node that it copies, or null when it is a master. */
  follows: string | null;
  state: FakeRedis;
  log: Write[] = [];
  /** Counts its connections to masters: what one of them acknowledged says nothing about the next. */
  links = 0;
  /** How far each replica acknowledged since it followed this node. */
  readonly acknowledged = new Map<string, number>();
  readonly #makeState: MakeState;
  readonly #expiresMs = new Map<string, number>();
  #waiting: (() => void)[] = [];

  constructor(name: string, follows: string | null, makeState: MakeState) {
    this.name = name;
    this.follows = follows;
    this.#makeState = makeState;
    this.state = makeState();
  }

  /** `atMs` becomes part of the id of what is new: no two nodes may be given the same. */
  save(command: SaveCommand, atMs: number): Verdict {
    const verdict = this.#write({ kind: 'save', command, atMs });
    if (verdict === null) throw new Error('a save decided nothing');
    return verdict;
  }

  /** Locks all of them and returns null, or none and returns who holds one. */
  lock(keys: readonly ContentKey[], token: string, nowMs: number, ttlMs: number): string | null {
    for (const key of keys) {
      const holder = this.state.holders.get(key.hex);
      if (holder !== undefined && (this.#expiresMs.get(key.hex) ?? 0) <= nowMs) this.unlock(key, holder);
    }
    const [holder] = keys.flatMap(({ hex }) => this.state.holders.get(hex) ?? []);
    if (holder !== undefined) return holder;
    for (const { hex } of keys) this.#write({ kind: 'lock', hex, token, expiresMs: nowMs + ttlMs });
    return null;
  }

  unlock({ hex }: ContentKey, token: string): void {
    if (this.state.holders.get(hex) === token) this.#write({ kind: 'unlock', hex, token });
  }

  /** ROLE as Redis writes it. `addressOf` tells where a node is. */
  role(addressOf: (name: string) => string): unknown {
    if (this.follows !== null) return ['slave', ...addressOf(this.follows).split(':'), 'connected', this.log.length];
    const replicas = [...this.acknowledged].map(([name, offset]) => [...addressOf(name).split(':'), String(offset)]);
    return ['master', this.log.length, replicas];
  }

  /** Resolves when so many replicas have everything that is written until now. */
  async acknowledgedBy(replicas: number): Promise<void> {
    const offset = this.log.length;
    const count = () => [...this.acknowledged.values()].filter((acknowledged) => acknowledged >= offset).length;
    while (count() < replicas) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  acknowledge(replica: string, offset: number): void {
    this.acknowledged.set(replica, offset);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Becomes a master (null) or a replica of that node. What it had acknowledged to others is no longer known there. */
  follow(master: string | null): void {
    this.follows = master;
    this.links++;
    this.acknowledged.clear();
  }

  /** Takes the master's next writes up to an offset, or all of its data when the histories differ. */
  copyFrom(master: SimulatedNode, offset: number): void {
    const isPrefix = this.log.length <= master.log.length && this.log.at(-1) === master.log[this.log.length - 1];
    if (isPrefix) {
      for (const next of master.log.slice(this.log.length, offset)) this.#write(next);
      return;
    }
    this.log = [];
    this.#expiresMs.clear();
    this.state = this.#makeState();
    for (const write of master.log) this.#write(write);
  }

  #write(write: Write): Verdict | null {
    this.log.push(write);
    if (write.kind === 'save') return this.state.decide(write.command, write.atMs);
    if (write.kind === 'lock') {
      this.state.holders.set(write.hex, write.token);
      this.#expiresMs.set(write.hex, write.expiresMs);
    } else if (this.state.holders.get(write.hex) === write.token) {
      this.state.holders.delete(write.hex);
    }
    return null;
  }
}
