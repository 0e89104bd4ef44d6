// An item store and content locks in memory that decide like Redis does and fail when told to.
import type { ContentKey } from '../../src/items/content.ts';
import type { Probe } from '../../src/items/fault-points.ts';
import type { Item, ItemPosition } from '../../src/items/item.ts';
import type {
  Claim,
  CommitResult,
  ContentLocks,
  EraseOutcome,
  ItemPage,
  ItemStore,
  LockGrant,
  LockRequest,
  LockResult,
  SaveCommand,
  Verdict,
} from '../../src/items/ports.ts';

/** How one commit goes wrong: before anything happened, or after all of it did. */
export type CommitFault = { readonly when: 'before' | 'after'; readonly result: CommitResult };

type Saved = { readonly position: ItemPosition; readonly source: string; readonly token: string };

/** What several instances share: the saved contents and who holds which lock. */
export class FakeRedis {
  readonly saved = new Map<string, Saved>();
  readonly holders = new Map<string, string>();
  readonly keyUses = new Map<string, string>();
  readonly counts = { saved: 0, duplicates: 0, replayed: 0, fenced: 0, key_reused: 0, full: 0 };
  #seq = 0;

  /** Decides one content; `ms` is the time of the item if it is new, `isFull` that nothing can be remembered. */
  decide(command: SaveCommand, ms = 1_000, isFull = false): Verdict {
    const { key, claims, others, lockToken } = command;
    const known = this.saved.get(key.hex);
    const holder = this.holders.get(key.hex);
    if (isFull && known === undefined) {
      this.counts.full++;
      return { kind: 'full' };
    }
    if (known === undefined && holder !== undefined && holder !== lockToken) {
      this.counts.fenced++;
      return { kind: 'fenced', holder };
    }
    const isReused = ({ token, isIdempotencyKey }: Claim): boolean =>
      isIdempotencyKey && (this.keyUses.get(token) ?? key.hex) !== key.hex;
    const isTurnedAway = ({ token, isIdempotencyKey }: Claim): boolean =>
      isFull && isIdempotencyKey && !this.keyUses.has(token);
    const [reused, unrecorded] = [tokensOf(claims.filter(isReused)), tokensOf(claims.filter(isTurnedAway))];
    const valid = claims.filter((claim) => !isReused(claim) && !isTurnedAway(claim));
    this.counts.full += requestsOf(claims.filter(isTurnedAway));
    for (const { token, isIdempotencyKey } of valid) if (isIdempotencyKey) this.keyUses.set(token, key.hex);
    this.counts.key_reused += requestsOf(claims.filter(isReused));
    if (reused.length === claims.length) return { kind: 'key_reused' };
    const [first] = valid;
    const creator = known ?? first;
    if (creator === undefined) throw new Error('a new content is either refused as full or has a claim that stands');
    const byCreator = requestsOf(valid.filter(({ token }) => token === creator.token));
    this.counts.saved += known === undefined ? 1 : 0;
    this.counts.replayed += known === undefined ? byCreator - 1 : byCreator;
    this.counts.duplicates += requestsOf(valid) - byCreator + others;
    if (known !== undefined) return { kind: 'known', ...known, reused, unrecorded };
    const saved = {
      position: { ms, seq: this.#seq++, partition: 0 },
      source: creator.source,
      token: creator.token,
    };
    this.saved.set(key.hex, saved);
    return { kind: 'saved', ...saved, reused, unrecorded };
  }

  /** Erases the item of this content, if there is one. */
  erase({ hex }: ContentKey): EraseOutcome {
    return this.saved.delete(hex) ? 'erased' : 'absent';
  }
}

const tokensOf = (claims: readonly Claim[]): string[] => claims.map(({ token }) => token);
const requestsOf = (claims: readonly Claim[]): number => claims.reduce((sum, { requests }) => sum + requests, 0);

export class FakeStore implements ItemStore {
  readonly commits: (readonly SaveCommand[])[] = [];
  readonly faults: CommitFault[] = [];
  isFull = false;
  /** While set, commits wait for it. */
  gate: Promise<void> | null = null;
  readonly #redis: FakeRedis;
  readonly #probe: Probe | undefined;

  constructor(redis: FakeRedis, probe?: Probe) {
    this.#redis = redis;
    this.#probe = probe;
  }

  async commit(commands: readonly SaveCommand[]): Promise<CommitResult> {
    this.commits.push(commands);
    if (this.gate !== null) await this.gate;
    const fault = this.faults.shift();
    if (fault?.when === 'before') return fault.result;
    const verdicts = commands.map((command) => this.#redis.decide(command, undefined, this.isFull));
    await this.#probe?.('after-script');
    return fault === undefined ? { kind: 'confirmed', verdicts } : fault.result;
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
}

export class FakeLocks implements ContentLocks {
  readonly released: LockGrant[] = [];
  /** What the next calls come to, in place of an answer. */
  readonly faults: Extract<LockResult, { kind: 'unavailable' }>[] = [];
  readonly #redis: FakeRedis;
  readonly #name: string;
  readonly #validForMs: number;
  readonly #nowMs: () => number;
  #grants = 0;

  constructor(redis: FakeRedis, nowMs: () => number, name = 'me', validForMs = 10_000) {
    this.#redis = redis;
    this.#nowMs = nowMs;
    this.#name = name;
    this.#validForMs = validForMs;
  }

  ask(keys: readonly ContentKey[]): LockRequest {
    const token = `${this.#name}-${this.#grants++}`;
    const result = this.#lock(keys, token);
    return { token, answer: Promise.resolve(result.kind === 'granted' ? result.grant : null) };
  }

  async acquire(key: ContentKey): Promise<LockResult> {
    return this.#lock([key], `${this.#name}-${this.#grants++}`);
  }

  async breakLock(key: ContentKey, holder: string): Promise<void> {
    if (this.#redis.holders.get(key.hex) === holder) this.#redis.holders.delete(key.hex);
  }

  async release(grant: LockGrant): Promise<void> {
    this.released.push(grant);
    for (const key of grant.keys) await this.breakLock(key, grant.token);
  }

  #lock(keys: readonly ContentKey[], token: string): LockResult {
    const fault = this.faults.shift();
    if (fault !== undefined) return fault;
    const { holders } = this.#redis;
    const [holder] = keys.flatMap(({ hex }) => holders.get(hex) ?? []);
    if (holder !== undefined) return { kind: 'held', holder };
    for (const { hex } of keys) holders.set(hex, token);
    return { kind: 'granted', grant: { token, keys, validUntilMs: this.#nowMs() + this.#validForMs } };
  }
}
