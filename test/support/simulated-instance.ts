// An instance of the service: the real save queue, view and rule of acknowledgement over a simulated Redis set.
import type { Redis } from 'ioredis';
import type { ContentKey } from '../../src/items/content.ts';
import type { Item } from '../../src/items/item.ts';
import type {
  Clock,
  CommitResult,
  ContentLocks,
  ItemPage,
  ItemStore,
  LockGrant,
  LockRequest,
  LockResult,
  SaveCommand,
  Verdict,
} from '../../src/items/ports.ts';
import { SaveQueue } from '../../src/items/save-queue.ts';
import type { AckRule } from '../../src/redis/acknowledgement.ts';
import { failureOf, reasonOf, type UnconfirmedReason } from '../../src/redis/faults.ts';
import type { FreshView } from '../../src/redis/sentinel-watch.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedSentinels } from './simulated-sentinels.ts';
import { nodeAt, type SimulatedSet } from './simulated-set.ts';
import { SimulatedView } from './simulated-view.ts';

export const ACK_TIMEOUT_MS = 1_000;
const UNIT_TIMEOUT_MS = ACK_TIMEOUT_MS + 500;
const COMMAND_TIMEOUT_MS = 500;
const LOCK_TTL_MS = 10_000;

/** Makes the rule by which an instance acknowledges, from what it knows of the set. */
export type MakeRule = (view: () => FreshView | null) => AckRule;

export type InstanceDeps = {
  readonly net: SimulatedNetwork;
  readonly set: SimulatedSet;
  readonly sentinels: SimulatedSentinels;
  readonly makeRule: MakeRule;
  /** Told why each commit that was not confirmed was not. */
  readonly onUnconfirmed: (reason: UnconfirmedReason) => void;
};

export class SimulatedInstance implements ItemStore, ContentLocks {
  readonly name: string;
  readonly clock: Clock;
  readonly queue: SaveQueue;
  lockLost = 0;
  readonly #deps: InstanceDeps;
  readonly #view: SimulatedView;
  readonly #rule: AckRule;
  /** Where its connections end, as `ip:port`; null when they have to be opened anew. */
  #peer: string | null = null;
  #locks = 0;

  constructor(name: string, deps: InstanceDeps) {
    this.name = name;
    this.#deps = deps;
    this.clock = deps.net.clockOf(name);
    this.#view = new SimulatedView(name, deps.net, deps.sentinels, () => (this.#peer = null));
    this.#rule = deps.makeRule(() => this.#view.fresh());
    const observer = { joined: () => {}, committed: () => {}, lockLost: () => this.lockLost++ };
    this.queue = new SaveQueue(
      { store: this, locks: this, tally: { add: () => {} }, clock: this.clock, random: () => 0.5, observer },
      { maxPendingSaves: 100, lockWaitMs: 2_000, lockBreakMs: UNIT_TIMEOUT_MS, lockMarginMs: UNIT_TIMEOUT_MS },
    );
  }

  async commit(commands: readonly SaveCommand[]): Promise<CommitResult> {
    try {
      const peer = this.#connect();
      const attempt = this.#rule(connectionTo(peer));
      if (typeof attempt === 'string') return this.#unknown(attempt);
      const unit = this.#deps.set.commit(this.name, nodeAt(peer), commands, attempt.commands);
      const [verdicts, ...proof] = await this.#within(UNIT_TIMEOUT_MS, unit);
      const doubt = attempt.judge(proof);
      if (doubt === null) return { kind: 'confirmed', verdicts: verdicts as Verdict[] };
      if (doubt === 'other_master' || doubt === 'not_master') this.#peer = null;
      return this.#unknown(doubt);
    } catch (error) {
      this.#peer = null;
      return this.#unknown(reasonOf(error as Error));
    }
  }

  ask(keys: readonly ContentKey[]): LockRequest {
    const token = `${this.name}${++this.#locks}`;
    const answer = this.#lock(keys, token).then((result) => (result.kind === 'granted' ? result.grant : null));
    return { token, answer };
  }

  async acquire(key: ContentKey): Promise<LockResult> {
    return this.#lock([key], `${this.name}${++this.#locks}`);
  }

  async breakLock(key: ContentKey, holder: string): Promise<void> {
    try {
      const unlocked = this.#deps.set.unlock(this.name, nodeAt(this.#connect()), key, holder);
      await this.#within(COMMAND_TIMEOUT_MS, unlocked);
    } catch {
      this.#peer = null;
    }
  }

  async release({ keys, token }: LockGrant): Promise<void> {
    for (const key of keys) await this.breakLock(key, token);
  }

  find(): Promise<Item | null> {
    return Promise.reject(new Error('not needed here'));
  }

  lookup(): Promise<Item | null> {
    return Promise.reject(new Error('not needed here'));
  }

  list(): Promise<ItemPage> {
    return Promise.reject(new Error('not needed here'));
  }

  async #lock(keys: readonly ContentKey[], token: string): Promise<LockResult> {
    const validUntilMs = this.clock.nowMs() + LOCK_TTL_MS;
    try {
      const node = nodeAt(this.#connect());
      const asked = this.#deps.set.lock(this.name, node, keys, token, LOCK_TTL_MS);
      const holder = await this.#within(COMMAND_TIMEOUT_MS, asked);
      return holder === null ? { kind: 'granted', grant: { token, keys, validUntilMs } } : { kind: 'held', holder };
    } catch (error) {
      // Redlock takes back what it may have got.
      void Promise.all(keys.map((key) => this.breakLock(key, token)));
      this.#peer = null;
      return { kind: 'unavailable', failure: failureOf(reasonOf(error as Error)), detail: 'no lock' };
    }
  }

  #connect(): string {
    this.#peer ??= this.#view.named;
    if (this.#peer === null) throw new Error('connection: no Sentinel answers');
    return this.#peer;
  }

  async #within<T>(timeoutMs: number, reply: Promise<T>): Promise<T> {
    const timeout = this.clock.delay(timeoutMs).then(() => Promise.reject(new Error('Command timed out')));
    // Whichever comes second has nobody who listens.
    timeout.catch(() => {});
    reply.catch(() => {});
    const result = await Promise.race([reply, timeout]);
    await this.#deps.net.whenRunning(this.name);
    return result;
  }

  #unknown(reason: UnconfirmedReason): CommitResult {
    this.#deps.onUnconfirmed(reason);
    return { kind: 'unknown', failure: failureOf(reason), detail: `not confirmed: ${reason}` };
  }
}

/** As much of a connection as the rule looks at: its other end. */
function connectionTo(peer: string): Redis {
  const [remoteAddress, port] = peer.split(':');
  return { stream: { remoteAddress, remotePort: Number(port) } } as unknown as Redis;
}
