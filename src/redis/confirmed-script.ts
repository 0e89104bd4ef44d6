// Runs a script on one connection and proves, in the same unit, that what it wrote is where it must be.
import { hash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Probe } from '../items/fault-points.ts';
import type { AckRule } from './acknowledgement.ts';
import { reconnect } from './connect.ts';
import { reasonOf, type UnconfirmedReason } from './faults.ts';
import { sendHeld } from './one-write.ts';

export type AckObserver = {
  acknowledged(durationSeconds: number): void;
  unconfirmed(reason: UnconfirmedReason): void;
};

export type ConfirmedScriptDeps = {
  /** A WAIT covers the writes of its own connection and holds up whatever is behind it. */
  readonly redis: Redis;
  readonly ackRule: AckRule;
  readonly observer: AckObserver;
  /** For tests. */
  readonly probe?: Probe | undefined;
};

/**
 * `confirmed`: it ran, and every replica that must have its writes has them. `unknown`: if `wasSent` it may have run, or
 * may still run, and its writes may be lost again. `refused`: Redis is out of memory, and nothing happened.
 */
export type ScriptResult =
  | { readonly kind: 'confirmed'; readonly reply: unknown }
  | { readonly kind: 'unknown'; readonly reason: UnconfirmedReason; readonly wasSent: boolean }
  | { readonly kind: 'refused'; readonly reason: UnconfirmedReason };

type PipelineReply = [error: Error | null, result: unknown];

export class ConfirmedScript {
  readonly #deps: ConfirmedScriptDeps;
  readonly #source: string;
  readonly #sha1: string;

  /** `source` must write on every path: a WAIT behind a script that wrote nothing waits for nothing. */
  constructor(deps: ConfirmedScriptDeps, source: string) {
    this.#deps = deps;
    this.#source = source;
    this.#sha1 = hash('sha1', source);
  }

  /** Never throws for a fault of the store. */
  async run(keys: readonly string[], args: readonly (string | Buffer)[]): Promise<ScriptResult> {
    try {
      const first = await this.#send(keys, args);
      if (first !== 'noscript') return first;
      // A new master or a flushed cache. Nothing ran, so the unit is repeated whole: its WAIT must follow its write.
      await this.#deps.redis.script('LOAD', this.#source);
      const second = await this.#send(keys, args);
      return second === 'noscript' ? this.#unknown('noscript', false) : second;
    } catch (error) {
      return this.#unknown(reasonOf(error as Error), true);
    }
  }

  /**
   * One unit on one connection: the script and, right behind it, the proof that its writes are where they must be. Raw
   * EVALSHA, because the client library's own scripts are sent again behind that proof when the server does not know them.
   */
  async #send(keys: readonly string[], args: readonly (string | Buffer)[]): Promise<ScriptResult | 'noscript'> {
    const { redis, ackRule, observer, probe } = this.#deps;
    const attempt = ackRule(redis);
    if (typeof attempt === 'string') return this.#unknown(attempt, false);
    const unit = redis.pipeline();
    const probing: Promise<void>[] = [];
    if (probe === undefined) {
      unit.evalsha(this.#sha1, keys.length, ...keys, ...args);
    } else {
      const afterScript = async (): Promise<void> => probe('after-script');
      // Called when this reply is there; those of the commands behind it are not.
      unit.evalsha(this.#sha1, keys.length, ...keys, ...args, (error) => {
        if (error == null) probing.push(afterScript());
      });
    }
    for (const [name, ...rest] of attempt.commands) unit.call(name, ...rest);
    const startedMs = performance.now();
    const executed = unit.exec();
    sendHeld(redis);
    const replies = (await executed) as PipelineReply[];
    if (probing.length > 0) await Promise.all(probing);
    const failed = replies.find(([error]) => error !== null)?.[0];
    if (failed != null) {
      const reason = reasonOf(failed);
      if (reason === 'noscript') return 'noscript';
      if (reason === 'oom') return this.#refused(reason);
      return this.#unknown(reason, true);
    }
    const [[, reply] = [null, undefined], ...proof] = replies;
    const doubt = attempt.judge(proof.map(([, result]) => result));
    if (doubt !== null) {
      // Left at once: as long as we stay, every retry ends here too.
      if (doubt === 'other_master' || doubt === 'not_master') reconnect(redis);
      return this.#unknown(doubt, true);
    }
    observer.acknowledged((performance.now() - startedMs) / 1_000);
    return { kind: 'confirmed', reply };
  }

  #unknown(reason: UnconfirmedReason, wasSent: boolean): ScriptResult {
    this.#deps.observer.unconfirmed(reason);
    return { kind: 'unknown', reason, wasSent };
  }

  #refused(reason: UnconfirmedReason): ScriptResult {
    this.#deps.observer.unconfirmed(reason);
    return { kind: 'refused', reason };
  }
}
