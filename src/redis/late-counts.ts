// Counts answers that no commit has counted: to requests that joined a save when its commit was on its way already.
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { ContentKey } from '../items/content.ts';
import type { AnswerCounts, AnswerTally } from '../items/ports.ts';
import { countsKey, type Keyspace, placeOf } from './keys.ts';

const ADD_SCRIPT = readFileSync(new URL('add-counts.lua', import.meta.url), 'utf8');
/** Soon enough for who looks at the totals; and many answers about a hot content take one write together. */
const WRITE_DELAY_MS = 50;
const RETRY_DELAY_MS = 1_000;

/**
 * Adds up and writes a moment later, without anybody waiting for it. What could not be written is tried again; a write
 * whose reply was lost is counted twice then, and what was added up in a process that is killed is not counted.
 */
export class LateCounts implements AnswerTally {
  readonly #redis: Redis;
  readonly #space: Keyspace;
  readonly #byPartition = new Map<number, AnswerCounts>();
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(redis: Redis, space: Keyspace) {
    this.#redis = redis;
    this.#space = space;
  }

  add(key: ContentKey, answers: AnswerCounts): void {
    this.#addTo(placeOf(this.#space, key).partition, answers);
    this.#writeIn(WRITE_DELAY_MS);
  }

  /** Writes what is left, in front of whatever is sent on this connection next; does not wait. */
  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    void this.#write();
  }

  #addTo(partition: number, { duplicates, replayed }: AnswerCounts): void {
    const sum = this.#byPartition.get(partition) ?? { duplicates: 0, replayed: 0 };
    this.#byPartition.set(partition, {
      duplicates: sum.duplicates + duplicates,
      replayed: sum.replayed + replayed,
    });
  }

  #writeIn(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#write();
    }, delayMs).unref();
  }

  async #write(): Promise<void> {
    if (this.#byPartition.size === 0) return;
    const writes = this.#redis.pipeline();
    const sent: [partition: number, answers: AnswerCounts][] = [];
    for (const [partition, answers] of this.#byPartition) {
      for (const name of ['duplicates', 'replayed'] as const) {
        if (answers[name] === 0) continue;
        writes.eval(ADD_SCRIPT, 1, countsKey(this.#space, partition), name, answers[name]);
        sent.push([partition, { duplicates: 0, replayed: 0, [name]: answers[name] }]);
      }
    }
    this.#byPartition.clear();
    const replies = (await writes.exec().catch(() => null)) ?? [];
    const failed = sent.filter((_, i) => replies[i]?.[0] !== null);
    for (const [partition, answers] of failed) this.#addTo(partition, answers);
    if (failed.length > 0) this.#writeIn(RETRY_DELAY_MS);
  }
}
