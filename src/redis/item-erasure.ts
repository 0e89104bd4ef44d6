// Erases items in Redis; alone knows the arguments and replies of the erase script.
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import pLimit from 'p-limit';
import { contentKey } from '../items/content.ts';
import { ServiceFailure } from '../items/errors.ts';
import { formatItemId, type ItemPosition } from '../items/item.ts';
import type { EraseOutcome, ItemErasure } from '../items/ports.ts';
import { ConfirmedScript, type ConfirmedScriptDeps } from './confirmed-script.ts';
import { failureOf, reasonOf, type UnconfirmedReason } from './faults.ts';
import { countsKey, indexKey, itemsKey, type Keyspace, placeOf } from './keys.ts';
import { contentOf, type StreamEntry } from './stream-entry.ts';

const ERASE_SCRIPT = readFileSync(new URL('erase-item.lua', import.meta.url), 'utf8');
const RETRY_DELAY_MS = 50;
/** Each takes one turn on the connection of the commits for each attempt. */
const MAX_WAITING = 200;
/** Another master than the one that was read from may have another entry there; the same one twice in a row has not. */
const MAX_DISAGREEMENTS = 3;

export type ItemErasureDeps = Omit<ConfirmedScriptDeps, 'redis' | 'probe'> & {
  /** The connection of the commits. */
  readonly commitRedis: Redis;
  readonly space: Keyspace;
  /** How long an erasure is repeated while it cannot be confirmed. */
  readonly deadlineMs: number;
};

type Attempt =
  | { readonly kind: 'decided'; readonly verdict: 'erased' | 'absent' | 'disagree' }
  | { readonly kind: 'failed'; readonly reason: UnconfirmedReason; readonly mayBeErased: boolean };

export class RedisItemErasure implements ItemErasure {
  readonly #deps: ItemErasureDeps;
  readonly #redis: Redis;
  readonly #script: ConfirmedScript;
  /** One at a time: many in a row on the connection would keep the commits behind them waiting. */
  readonly #turns = pLimit(1);
  #waiting = 0;

  constructor(deps: ItemErasureDeps) {
    this.#deps = deps;
    this.#redis = deps.commitRedis;
    this.#script = new ConfirmedScript({ ...deps, redis: deps.commitRedis }, ERASE_SCRIPT);
  }

  async erase(position: ItemPosition): Promise<EraseOutcome> {
    if (position.partition >= this.#deps.space.partitions) return 'absent';
    if (this.#waiting >= MAX_WAITING) throw new ServiceFailure('overloaded', 'too many erasures wait');
    this.#waiting++;
    try {
      return await this.#eraseUntil(performance.now() + this.#deps.deadlineMs, position);
    } finally {
      this.#waiting--;
    }
  }

  async #eraseUntil(deadlineMs: number, position: ItemPosition): Promise<EraseOutcome> {
    let mayBeErased = false;
    let disagreements = 0;
    let reason: UnconfirmedReason = 'timeout';
    for (;;) {
      const attempt = await this.#turns(() => (performance.now() < deadlineMs ? this.#attempt(position) : null));
      if (attempt === null) throw new ServiceFailure(failureOf(reason), `not erased: ${reason}`);
      if (attempt.kind === 'failed') {
        mayBeErased ||= attempt.mayBeErased;
        reason = attempt.reason;
      } else if (attempt.verdict === 'disagree') {
        disagreements++;
        if (disagreements === MAX_DISAGREEMENTS) {
          throw new Error(`the index does not name the item ${formatItemId(position)} that the log has`);
        }
      } else {
        // What an earlier attempt of ours has erased without an answer is not there any more: that was us.
        return mayBeErased ? 'erased' : attempt.verdict;
      }
      await setTimeout(RETRY_DELAY_MS);
    }
  }

  async #attempt({ partition, ms, seq }: ItemPosition): Promise<Attempt> {
    const { space } = this.#deps;
    const items = itemsKey(space, partition);
    const id = `${ms}-${seq}`;
    let entry: StreamEntry | undefined;
    try {
      // On the connection of the script: another one may end at a former master that has something else there.
      [entry] = (await this.#redis.xrange(items, id, id)) as StreamEntry[];
    } catch (error) {
      return { kind: 'failed', reason: reasonOf(error as Error), mayBeErased: false };
    }
    const key = entry === undefined ? null : contentKey(contentOf(entry));
    const bucket = key === null ? 0 : placeOf(space, key).bucket;
    const keys = [items, indexKey(space, partition, bucket), countsKey(space, partition)];
    const result = await this.#script.run(keys, [id, key?.digest ?? '']);
    if (result.kind === 'confirmed') return { kind: 'decided', verdict: result.reply as 'erased' };
    const wasSent = result.kind === 'unknown' && result.wasSent;
    return { kind: 'failed', reason: result.reason, mayBeErased: wasSent && key !== null };
  }
}
