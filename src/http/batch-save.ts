// Saves the items of one request, each judged by itself.
import type { FastifyRequest } from 'fastify';
import type { Content } from '../items/content.ts';
import { ServiceFailure } from '../items/errors.ts';
import type { SaveOutcome, SaveRequest, Waiter } from '../items/pending-save.ts';
import { itemTokens } from '../items/request-token.ts';
import type { SaveMetricOutcome } from '../observability/metrics.ts';
import { auditSave } from './audit.ts';
import { type BatchResult, BatchTally, failureResult, resultOf } from './batch-result.ts';
import { toProblem } from './error-handler.ts';
import type { Preferences } from './prefer.ts';
import { ProblemError } from './problems.ts';
import { readIdentity, type SaveDeps, saveRequest } from './save-request.ts';

export type BatchSaveOptions = {
  readonly mode: 'batch' | 'stream';
  readonly form: Preferences;
  /** The number of the request's first item, which makes the token of each (see `itemTokens`). */
  readonly first: number;
};

export class BatchSave {
  readonly tally = new BatchTally();
  /** The first error that is a bug, for the log line of the request. */
  bug: Error | null = null;
  readonly #deps: SaveDeps;
  readonly #request: FastifyRequest;
  readonly #options: BatchSaveOptions;
  readonly #source: string;
  readonly #tokenOf: ReturnType<typeof itemTokens>;

  /** Throws a `bad-request` problem when a header that identifies the request cannot be read. */
  constructor(request: FastifyRequest, deps: SaveDeps, options: BatchSaveOptions) {
    this.#request = request;
    this.#deps = deps;
    this.#options = options;
    const identity = readIdentity(request, deps);
    this.#source = identity.source;
    this.#tokenOf = itemTokens(identity);
  }

  /**
   * Saves one item and calls `done`, once, with what became of it. `read` gives its content or throws a problem; `index`
   * counts the items of the request from 0. Items are handed to the save queue in the order of the calls.
   */
  save(read: () => Content, index: number, done: (result: BatchResult) => void): void {
    if (this.#isShutOut(done)) return;
    let content: Content;
    try {
      content = read();
    } catch (error) {
      done(this.#failed(error as Error, 'invalid'));
      return;
    }
    const { rateLimit } = this.#deps;
    // A stream is slowed down; a batch is over soon, and its client owes for what it had too much.
    if (rateLimit !== null && this.#options.mode === 'stream') {
      void rateLimit.pace(this.#request).then(() => this.#submit(content, index, done));
    } else {
      rateLimit?.charge(this.#request);
      this.#submit(content, index, done);
    }
  }

  /** A long stream may outlive its key: what comes after that is refused line by line. */
  #isShutOut(done: (result: BatchResult) => void): boolean {
    const { caller } = this.#request;
    if (caller === null || this.#deps.keys?.isStillValid(caller) !== false) return false;
    done(this.#failed(new ProblemError('unauthorized', 'this API key is not valid any more'), 'rejected'));
    return true;
  }

  #submit(content: Content, index: number, done: (result: BatchResult) => void): void {
    // Again: a window of lines may have waited for its client's limit for minutes.
    if (this.#isShutOut(done)) return;
    const { nowMs, submit } = this.#deps;
    let wanted: SaveRequest;
    try {
      wanted = saveRequest(content, this.#source, this.#tokenOf(this.#options.first + index), this.#deps);
    } catch (error) {
      // Nobody awaits us: thrown, it would end the process and every request in it.
      done(this.#failed(error as Error, 'failed'));
      return;
    }
    const item = new ItemSave(this, wanted.key.hex, nowMs(), done);
    try {
      submit(wanted, item);
    } catch (error) {
      item.reject(error as Error);
    }
  }

  /** The result of a save of the content with this digest that was handed to the queue at `startedMs`. */
  settled(result: SaveOutcome, digest: string, startedMs: number): BatchResult {
    const outcome = result.kind === 'key_reused' ? 'rejected' : result.kind;
    this.#record(outcome, digest, startedMs, result);
    this.#count(outcome);
    return resultOf(result, this.#options.form);
  }

  failed(error: Error, digest: string, startedMs: number): BatchResult {
    this.#record('failed', digest, startedMs);
    return this.#failed(error, 'failed');
  }

  #record(outcome: SaveMetricOutcome, digest: string, startedMs: number, result?: SaveOutcome): void {
    const { metrics, nowMs, auditLog } = this.#deps;
    auditSave(auditLog, this.#request, { digest, outcome, result });
    metrics.itemSaveDuration.observe({ outcome }, (nowMs() - startedMs) / 1_000);
  }

  #failed(error: Error, outcome: SaveMetricOutcome): BatchResult {
    const isExpected = error instanceof ServiceFailure || error instanceof ProblemError;
    if (!isExpected) this.bug ??= error;
    this.#count(isExpected ? outcome : 'failed');
    return failureResult(toProblem(error));
  }

  #count(outcome: SaveMetricOutcome): void {
    this.tally.add(outcome);
    this.#deps.metrics.itemSaves.inc({ outcome, mode: this.#options.mode });
  }
}

/** One item until it is answered. Not functions that share what they need: of these a stream has a thousand to be kept. */
class ItemSave implements Waiter {
  readonly #items: BatchSave;
  readonly #digest: string;
  readonly #startedMs: number;
  readonly #done: (result: BatchResult) => void;

  constructor(items: BatchSave, digest: string, startedMs: number, done: (result: BatchResult) => void) {
    this.#items = items;
    this.#digest = digest;
    this.#startedMs = startedMs;
    this.#done = done;
  }

  resolve(outcome: SaveOutcome): void {
    this.#done(this.#items.settled(outcome, this.#digest, this.#startedMs));
  }

  reject(error: Error): void {
    this.#done(this.#items.failed(error, this.#digest, this.#startedMs));
  }
}
