// Saves and reads items in Redis; alone knows the arguments and replies of the save script.
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import pLimit from 'p-limit';
import type { ContentKey } from '../items/content.ts';
import { ServiceFailure } from '../items/errors.ts';
import type { Probe } from '../items/fault-points.ts';
import type { Item, ItemPosition } from '../items/item.ts';
import type {
  CommitResult,
  ItemCounter,
  ItemCounts,
  ItemPage,
  ItemStore,
  ListCursor,
  ListOrder,
  SaveCommand,
  Verdict,
} from '../items/ports.ts';
import type { AckRule } from './acknowledgement.ts';
import { type AckObserver, ConfirmedScript } from './confirmed-script.ts';
import { failureOf, reasonOf } from './faults.ts';
import { readCounts } from './item-counts.ts';
import { listItems } from './item-list.ts';
import { countsKey, idempotencyKey, indexKey, itemsKey, type Keyspace, lockKey, placeOf } from './keys.ts';
import { kindCode, type StreamEntry, itemOf, positionOf } from './stream-entry.ts';

const SAVE_SCRIPT = readFileSync(new URL('save-items.lua', import.meta.url), 'utf8');
const READ_RETRY_MS = 100;
/** A page in the making takes up to 16 MiB here, and half of it in Redis, which cuts a connection at 256 MB. */
const MAX_LISTINGS = 4;
const MAX_WAITING_LISTINGS = 200;
const IDEMPOTENCY_KEY_TTL_SECONDS = 24 * 60 * 60;

export type ItemStoreDeps = {
  /** Commits, erasures and their locks, nothing else: a WAIT holds up whatever is behind it. */
  readonly commitRedis: Redis;
  readonly readRedis: Redis;
  readonly space: Keyspace;
  readonly ackRule: AckRule;
  /** How long a read is repeated while the store cannot be reached. */
  readonly readDeadlineMs: number;
  readonly observer: AckObserver;
  /** Run in place of save-items.lua. */
  readonly script?: string | undefined;
  /** For tests. */
  readonly probe?: Probe | undefined;
};

type ScriptVerdict =
  | ['saved' | 'known', id: string, source: string, token: string, reused: string[]]
  | ['fenced', holder: string]
  | ['key_reused']
  | ['damaged', id: string];

export class RedisItemStore implements ItemStore, ItemCounter {
  readonly #deps: ItemStoreDeps;
  readonly #script: ConfirmedScript;
  readonly #listings = pLimit(MAX_LISTINGS);

  constructor(deps: ItemStoreDeps) {
    this.#deps = deps;
    this.#script = new ConfirmedScript({ ...deps, redis: deps.commitRedis }, deps.script ?? SAVE_SCRIPT);
  }

  async commit(commands: readonly SaveCommand[]): Promise<CommitResult> {
    const { keys, args } = this.#scriptInput(commands);
    const result = await this.#script.run(keys, args);
    if (result.kind === 'refused') {
      return { kind: 'refused', failure: failureOf(result.reason), detail: 'Redis is out of memory' };
    }
    if (result.kind === 'unknown') {
      return { kind: 'unknown', failure: failureOf(result.reason), detail: `not confirmed: ${result.reason}` };
    }
    const verdicts = (result.reply as ScriptVerdict[]).map((verdict, i) => {
      const key = commands[i]?.key;
      if (key === undefined) throw new Error('the save script answered more verdicts than it was asked for');
      return toVerdict(verdict, placeOf(this.#deps.space, key).partition);
    });
    return { kind: 'confirmed', verdicts };
  }

  async find(position: ItemPosition): Promise<Item | null> {
    const { readRedis, space } = this.#deps;
    if (position.partition >= space.partitions) return null;
    const id = `${position.ms}-${position.seq}`;
    const entries = await this.#read(() => readRedis.xrange(itemsKey(space, position.partition), id, id));
    const [entry] = entries as StreamEntry[];
    return entry === undefined ? null : itemOf(entry, position.partition);
  }

  async lookup(key: ContentKey): Promise<Item | null> {
    const { readRedis, space } = this.#deps;
    const { partition, bucket } = placeOf(space, key);
    let missing: string | null = null;
    for (;;) {
      const id = await this.#read(() => readRedis.hget(indexKey(space, partition, bucket), key.digest));
      if (id === null) return null;
      const item = await this.find(positionOf(id, partition));
      if (item !== null) return item;
      // Erased in between, maybe saved anew: then the index has changed in the same step as the log.
      if (id === missing) throw new Error(`the index names item ${id}-${partition}, which the log does not have`);
      missing = id;
    }
  }

  async list(from: ListCursor | ListOrder, limit: number): Promise<ItemPage> {
    const { readRedis, space } = this.#deps;
    if (this.#listings.pendingCount >= MAX_WAITING_LISTINGS) {
      throw new ServiceFailure('overloaded', 'too many listings wait');
    }
    const deadlineMs = this.#readDeadlineMs();
    return this.#listings(() => this.#read(() => listItems(readRedis, space, from, limit), deadlineMs));
  }

  async counts(): Promise<ItemCounts> {
    const { readRedis, space } = this.#deps;
    return this.#read(() => readCounts(readRedis, space));
  }

  #scriptInput(commands: readonly SaveCommand[]): { keys: string[]; args: (string | Buffer)[] } {
    const { space } = this.#deps;
    const keys: string[] = [];
    const records: string[] = [];
    const args: (string | Buffer)[] = [String(commands.length), String(IDEMPOTENCY_KEY_TTL_SECONDS)];
    for (const { key, content, claims, others, lockToken } of commands) {
      const { partition, bucket } = placeOf(space, key);
      keys.push(
        lockKey(space, key),
        indexKey(space, partition, bucket),
        itemsKey(space, partition),
        countsKey(space, partition),
      );
      args.push(lockToken, key.digest, kindCode(content), content.text, String(claims.length), String(others));
      for (const { token, isIdempotencyKey, source, requests } of claims) {
        args.push(token, isIdempotencyKey ? '1' : '0', source, String(requests));
        if (isIdempotencyKey) records.push(idempotencyKey(space, token));
      }
    }
    return { keys: [...keys, ...records], args };
  }

  #readDeadlineMs(): number {
    return performance.now() + this.#deps.readDeadlineMs;
  }

  /** Reads harm nothing, so they are repeated while there is no master to ask, as saves are. */
  async #read<T>(attempt: () => Promise<T>, deadlineMs = this.#readDeadlineMs()): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const reason = reasonOf(error as Error);
        if (reason === 'other' || performance.now() >= deadlineMs) {
          throw new ServiceFailure('store-unavailable', `cannot read: ${reason}`, { cause: error });
        }
      }
      await setTimeout(READ_RETRY_MS);
    }
  }
}

function toVerdict(verdict: ScriptVerdict, partition: number): Verdict {
  switch (verdict[0]) {
    case 'saved':
    case 'known': {
      const [kind, id, source, token, reused] = verdict;
      return { kind, position: positionOf(id, partition), source, token, reused };
    }
    case 'fenced':
      return { kind: 'fenced', holder: verdict[1] };
    case 'key_reused':
      return { kind: 'key_reused' };
    case 'damaged':
      return { kind: 'damaged', position: positionOf(verdict[1], partition) };
  }
}
