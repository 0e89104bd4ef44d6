// How far the logs are acknowledged, and reading up to there. Runs only while somebody reads.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import pLimit from 'p-limit';
import type { StreamPosition } from '../items/ports.ts';
import type { AckRule } from './acknowledgement.ts';
import { ConfirmedScript } from './confirmed-script.ts';
import { countsKey, feedMarkKey, itemsKey, type Keyspace } from './keys.ts';
import { positionOf, type StreamEntry } from './stream-entry.ts';

const TAIL_SCRIPT = readFileSync(new URL('feed-tail.lua', import.meta.url), 'utf8');
const LOOK_EVERY_MS = 50;
/** A reply of 16 contents takes 1 MiB at most. */
export const ENTRIES_PER_READ = 16;
/** So that what waits in Redis for this connection stays far below the 256 MB at which it is cut. */
const READS_AT_ONCE = 8;

/** For each partition its last acknowledged entry, null when there is none; of one connection and no other. */
export type Horizon = { readonly connection: number; readonly tails: readonly (StreamPosition | null)[] };

type Known = Horizon & { readonly saved: readonly string[] };

/**
 * Looks again and again whether something was saved, and then confirms, by the rule for saves, that all of it is where it
 * must be. What it confirmed counts for the connection that it was confirmed on: a new one may end at another master,
 * and everything is confirmed anew there. Reads go over the same connection, so they see no other log than that.
 */
export class FeedHorizon {
  readonly #redis: Redis;
  readonly #space: Keyspace;
  readonly #script: ConfirmedScript;
  readonly #turns = pLimit(READS_AT_ONCE);
  readonly #reading = new Map<string, Promise<readonly StreamEntry[] | null>>();
  readonly #waiting = new Set<() => void>();
  #connection = 0;
  #known: Known | null = null;
  #users = 0;
  #isLooking = false;
  #looks = 0;
  #lastGoodLook = 0;

  constructor(redis: Redis, space: Keyspace, ackRule: AckRule) {
    this.#redis = redis;
    this.#space = space;
    // Not the observer of the commits: this asks twenty times a second, and its failures would drown theirs.
    const observer = { acknowledged: () => {}, unconfirmed: () => {} };
    this.#script = new ConfirmedScript({ redis, ackRule, observer }, TAIL_SCRIPT);
    redis.on('close', () => {
      this.#connection++;
      this.#known = null;
    });
  }

  /** Null while nothing is confirmed on this connection. */
  get current(): Horizon | null {
    return this.#known;
  }

  /** Looks until `release` was called as often. */
  use(): void {
    this.#users++;
    if (!this.#isLooking) void this.#lookWhileUsed();
  }

  release(): void {
    this.#users--;
    this.wake();
  }

  /** The horizon as a look sees it that begins after this call; null when there is none by then, or at the signal. */
  async fresh(timeoutMs: number, signal: AbortSignal): Promise<Horizon | null> {
    const untilMs = performance.now() + timeoutMs;
    const wanted = this.#looks + 1;
    while (this.#lastGoodLook < wanted || this.#known === null) {
      if (performance.now() >= untilMs || signal.aborted) return null;
      await this.change(LOOK_EVERY_MS);
    }
    return this.#known;
  }

  /** Resolves when the horizon changes or `wake` is called, after `ms` at the latest. */
  change(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => {
      clearTimeout(timer);
      this.#waiting.delete(done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    this.#waiting.add(done);
    return promise;
  }

  wake(): void {
    for (const done of this.#waiting) done();
  }

  /**
   * The next entries of a partition up to the horizon, at most `ENTRIES_PER_READ`; null when they cannot be had, or
   * the horizon does not count any more. Whoever asks for the same at the same time shares one answer.
   */
  read(horizon: Horizon, partition: number, after: StreamPosition | null): Promise<readonly StreamEntry[] | null> {
    const tail = horizon.tails[partition];
    if (tail == null) return Promise.resolve([]);
    const from = after === null ? '-' : `(${after.ms}-${after.seq}`;
    const to = `${tail.ms}-${tail.seq}`;
    const name = `${horizon.connection} ${partition} ${from} ${to}`;
    const shared = this.#reading.get(name);
    if (shared !== undefined) return shared;
    const reading = this.#turns(() => this.#range(horizon, partition, from, to)).finally(() => {
      this.#reading.delete(name);
    });
    this.#reading.set(name, reading);
    return reading;
  }

  async #range(
    { connection }: Horizon,
    partition: number,
    from: string,
    to: string,
  ): Promise<readonly StreamEntry[] | null> {
    if (connection !== this.#connection) return null;
    try {
      const key = itemsKey(this.#space, partition);
      const entries = (await this.#redis.xrange(key, from, to, 'COUNT', ENTRIES_PER_READ)) as StreamEntry[];
      return connection === this.#connection ? entries : null;
    } catch {
      return null;
    }
  }

  async #lookWhileUsed(): Promise<void> {
    this.#isLooking = true;
    while (this.#users > 0) {
      // What goes wrong is asked again at the next look.
      await this.#look().catch(() => {});
      await sleep(LOOK_EVERY_MS);
    }
    this.#isLooking = false;
  }

  async #look(): Promise<void> {
    const look = ++this.#looks;
    const connection = this.#connection;
    const known = this.#known;
    // Counts first: they are all that a quiet service is asked for.
    const counted = await this.#countSaved();
    const behind = counted.flatMap((saved, partition) => (saved === known?.saved[partition] ? [] : [partition]));
    if (behind.length === 0) {
      if (connection === this.#connection) this.#lastGoodLook = look;
      return;
    }
    const keys = behind.flatMap((partition) => [itemsKey(this.#space, partition), countsKey(this.#space, partition)]);
    const result = await this.#script.run([feedMarkKey(this.#space), ...keys], []);
    // The proof is of the connection on which it was asked for.
    if (result.kind !== 'confirmed' || connection !== this.#connection) return;
    const saved = [...(known?.saved ?? counted)];
    const tails = [...(known?.tails ?? counted.map(() => null))];
    (result.reply as [saved: string, id: string][]).forEach(([count, id], i) => {
      const partition = behind[i] as number;
      saved[partition] = count;
      tails[partition] = id === '' ? null : positionOf(id, partition);
    });
    this.#known = { connection, saved, tails };
    this.#lastGoodLook = look;
    this.wake();
  }

  async #countSaved(): Promise<string[]> {
    const reads = this.#redis.pipeline();
    for (let partition = 0; partition < this.#space.partitions; partition++) {
      reads.hget(countsKey(this.#space, partition), 'saved');
    }
    const replies = (await reads.exec()) as [error: Error | null, saved: string | null][];
    return replies.map(([error, saved]) => {
      if (error !== null) throw error;
      return saved ?? '0';
    });
  }
}
