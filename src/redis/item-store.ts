// Saves and reads items in Redis.
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
} from '../items/ports.ts';
import type { AckRule } from './acknowledgement.ts';
import { type AckObserver, ConfirmedScript } from './confirmed-script.ts';
import { failureOf, reasonOf } from './faults.ts';
import { readCounts } from './item-counts.ts';
import { listItems } from './item-list.ts';
import { indexKey, itemsKey, type Keyspace, placeOf } from './keys.ts';
import { SaveCall } from './save-call.ts';
import { type StreamEntry, itemOf, positionOf } from './stream-entry.ts';

const SAVE_SCRIPT = readFileSync(new URL('save-items.lua', import.meta.url), 'utf8');
/** Even a duplicate is counted, which a full Redis refuses: without this it could only say "full" to all. Redis 7.0. */
const ALLOW_OOM = '#!lua flags=allow-oom\n';
const READ_RETRY_MS = 100;
/** A page in the making takes up to 16 MiB here, and half of it in Redis, which cuts a connection at 256 MB. */
const MAX_LISTINGS = 4;
const MAX_WAITING_LISTINGS = 200;

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

export class RedisItemStore implements ItemStore, ItemCounter {
  readonly #deps: ItemStoreDeps;
  readonly #script: ConfirmedScript;
  readonly #whenFull: ConfirmedScript;
  readonly #listings = pLimit(MAX_LISTINGS);

  constructor(deps: ItemStoreDeps) {
    this.#deps = deps;
    const script = deps.script ?? SAVE_SCRIPT;
    this.#script = new ConfirmedScript({ ...deps, redis: deps.commitRedis }, script);
    this.#whenFull = new ConfirmedScript({ ...deps, redis: deps.commitRedis }, ALLOW_OOM + script);
  }

  async commit(commands: readonly SaveCommand[]): Promise<CommitResult> {
    const call = new SaveCall(this.#deps.space, commands);
    let result = await this.#script.run(call.keys, call.args);
    if (result.kind === 'refused') result = await this.#whenFull.run(call.keys, call.argsWhenFull);
    if (result.kind !== 'confirmed') {
      return { kind: 'unknown', failure: failureOf(result.reason), detail: `not confirmed: ${result.reason}` };
    }
    return { kind: 'confirmed', verdicts: call.verdicts(result.reply) };
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

  async list(from: ListCursor | ListOrder, limit: number, isWanted = (): boolean => true): Promise<ItemPage> {
    const { readRedis, space } = this.#deps;
    if (this.#listings.pendingCount >= MAX_WAITING_LISTINGS) {
      throw new ServiceFailure('overloaded', 'too many listings wait');
    }
    const deadlineMs = this.#readDeadlineMs();
    return this.#listings(async () => {
      if (!isWanted()) return { items: [], next: null };
      return this.#read(() => listItems(readRedis, space, from, limit), deadlineMs);
    });
  }

  async counts(): Promise<ItemCounts> {
    const { readRedis, space } = this.#deps;
    return this.#read(() => readCounts(readRedis, space));
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
