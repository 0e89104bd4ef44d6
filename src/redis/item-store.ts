// Saves and reads items in Redis; alone knows the arguments and replies of the save script.
import { readFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { ServiceFailure } from '../items/errors.ts';
import type { Probe } from '../items/fault-points.ts';
import type { Item, ItemPosition } from '../items/item.ts';
import type { CommitResult, ItemPage, ItemStore, ListCursor, ListOrder, SaveCommand, Verdict } from '../items/ports.ts';
import type { AckRule } from './acknowledgement.ts';
import { reconnect } from './connect.ts';
import { failureOf, reasonOf, type UnconfirmedReason } from './faults.ts';
import { listItems } from './item-list.ts';
import { countsKey, idempotencyKey, indexKey, itemsKey, type Keyspace, lockKey, placeOf } from './keys.ts';
import { kindCode, type StreamEntry, itemOf, positionOf } from './stream-entry.ts';

const SAVE_SCRIPT = readFileSync(new URL('save-items.lua', import.meta.url), 'utf8');
const READ_RETRY_MS = 100;
const IDEMPOTENCY_KEY_TTL_SECONDS = 24 * 60 * 60;

export type StoreObserver = {
  acknowledged(durationSeconds: number): void;
  unconfirmed(reason: UnconfirmedReason): void;
};

export type ItemStoreDeps = {
  /** Writes only, nothing else: a WAIT covers the writes of its own connection and holds up whatever is behind it. */
  readonly commitRedis: Redis;
  readonly commandRedis: Redis;
  readonly space: Keyspace;
  readonly ackRule: AckRule;
  /** How long a read is repeated while the store cannot be reached. */
  readonly readDeadlineMs: number;
  readonly observer: StoreObserver;
  /** Run in place of save-items.lua. */
  readonly script?: string | undefined;
  /** For tests. */
  readonly probe?: Probe | undefined;
};

type ScriptVerdict =
  | ['saved' | 'known', id: string, source: string, token: string, reused: string[]]
  | ['fenced' | 'key_reused']
  | ['damaged', id: string];
type PipelineReply = [error: Error | null, result: unknown];

export class RedisItemStore implements ItemStore {
  readonly #deps: ItemStoreDeps;
  readonly #script: string;
  readonly #scriptSha1: string;

  constructor(deps: ItemStoreDeps) {
    this.#deps = deps;
    this.#script = deps.script ?? SAVE_SCRIPT;
    this.#scriptSha1 = hash('sha1', this.#script);
  }

  async commit(commands: readonly SaveCommand[]): Promise<CommitResult> {
    try {
      const first = await this.#send(commands);
      if (first !== 'noscript') return first;
      // A new master or a flushed cache. Nothing ran, so the unit is repeated whole: its WAIT must follow its write.
      await this.#deps.commitRedis.script('LOAD', this.#script);
      const second = await this.#send(commands);
      return second === 'noscript' ? this.#unknown('noscript') : second;
    } catch (error) {
      return this.#unknown(reasonOf(error as Error));
    }
  }

  async find(position: ItemPosition): Promise<Item | null> {
    const { commandRedis, space } = this.#deps;
    if (position.partition >= space.partitions) return null;
    const id = `${position.ms}-${position.seq}`;
    const entries = await this.#read(() => commandRedis.xrange(itemsKey(space, position.partition), id, id));
    const [entry] = entries as StreamEntry[];
    return entry === undefined ? null : itemOf(entry, position.partition);
  }

  async list(from: ListCursor | ListOrder, limit: number): Promise<ItemPage> {
    const { commandRedis, space } = this.#deps;
    return this.#read(() => listItems(commandRedis, space, from, limit));
  }

  /**
   * One unit on one connection: the script and, right behind it, the proof that its writes are where they must be. Raw
   * EVALSHA, because the client library's own scripts are sent again behind that proof when the server does not know them.
   */
  async #send(commands: readonly SaveCommand[]): Promise<CommitResult | 'noscript'> {
    const { commitRedis, ackRule, observer, probe } = this.#deps;
    const attempt = ackRule(commitRedis);
    if (typeof attempt === 'string') return this.#unknown(attempt);
    const { keys, args } = this.#scriptInput(commands);
    const unit = commitRedis.pipeline();
    const probing: Promise<void>[] = [];
    if (probe === undefined) {
      unit.evalsha(this.#scriptSha1, keys.length, ...keys, ...args);
    } else {
      const afterScript = async (): Promise<void> => probe('after-script');
      // Called when this reply is there; those of the commands behind it are not.
      unit.evalsha(this.#scriptSha1, keys.length, ...keys, ...args, (error) => {
        if (error == null) probing.push(afterScript());
      });
    }
    for (const [name, ...rest] of attempt.commands) unit.call(name, ...rest);
    const startedMs = performance.now();
    const replies = (await unit.exec()) as PipelineReply[];
    if (probing.length > 0) await Promise.all(probing);
    const failed = replies.find(([error]) => error !== null)?.[0];
    if (failed != null) {
      const reason = reasonOf(failed);
      if (reason === 'noscript') return 'noscript';
      if (reason === 'oom') return this.#refused(reason);
      return this.#unknown(reason);
    }
    const [decided, ...proof] = replies.map(([, result]) => result);
    const doubt = attempt.judge(proof);
    if (doubt !== null) {
      // Left at once: as long as we stay, every retry ends here too.
      if (doubt === 'other_master' || doubt === 'not_master') reconnect(commitRedis);
      return this.#unknown(doubt);
    }
    observer.acknowledged((performance.now() - startedMs) / 1_000);
    const verdicts = (decided as ScriptVerdict[]).map((verdict, i) => {
      const key = commands[i]?.key;
      if (key === undefined) throw new Error('the save script answered more verdicts than it was asked for');
      return toVerdict(verdict, placeOf(this.#deps.space, key).partition);
    });
    return { kind: 'confirmed', verdicts };
  }

  #scriptInput(commands: readonly SaveCommand[]): { keys: string[]; args: (string | Buffer)[] } {
    const { space } = this.#deps;
    const keys: string[] = [];
    const records: string[] = [];
    const args: (string | Buffer)[] = [String(commands.length), String(IDEMPOTENCY_KEY_TTL_SECONDS)];
    for (const { key, content, claims, lockToken } of commands) {
      const { partition, bucket } = placeOf(space, key);
      keys.push(
        lockKey(space, key),
        indexKey(space, partition, bucket),
        itemsKey(space, partition),
        countsKey(space, partition),
      );
      args.push(lockToken, key.digest, kindCode(content), content.text, String(claims.length));
      for (const { token, isIdempotencyKey, source } of claims) {
        args.push(token, isIdempotencyKey ? '1' : '0', source);
        if (isIdempotencyKey) records.push(idempotencyKey(space, token));
      }
    }
    return { keys: [...keys, ...records], args };
  }

  /** Reads harm nothing, so they are repeated while there is no master to ask, as saves are. */
  async #read<T>(attempt: () => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + this.#deps.readDeadlineMs;
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

  #unknown(reason: UnconfirmedReason): CommitResult {
    this.#deps.observer.unconfirmed(reason);
    return { kind: 'unknown', failure: failureOf(reason), detail: `not confirmed: ${reason}` };
  }

  #refused(reason: UnconfirmedReason): CommitResult {
    this.#deps.observer.unconfirmed(reason);
    return { kind: 'refused', failure: failureOf(reason), detail: 'Redis is out of memory' };
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
    case 'key_reused':
      return { kind: verdict[0] };
    case 'damaged':
      return { kind: 'damaged', position: positionOf(verdict[1], partition) };
  }
}
