// Saves the items of one request, each judged by itself.
import type { FastifyRequest } from 'fastify';
import type { Content } from '../items/content.ts';
import { ServiceFailure } from '../items/errors.ts';
import { itemTokens } from '../items/request-token.ts';
import type { SaveMetricOutcome } from '../observability/metrics.ts';
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
  readonly #options: BatchSaveOptions;
  readonly #source: string;
  readonly #tokenOf: ReturnType<typeof itemTokens>;

  /** Throws a `bad-request` problem when a header that identifies the request cannot be read. */
  constructor(request: FastifyRequest, deps: SaveDeps, options: BatchSaveOptions) {
    this.#deps = deps;
    this.#options = options;
    const identity = readIdentity(request, deps);
    this.#source = identity.source;
    this.#tokenOf = itemTokens(identity);
  }

  /**
   * Saves one item and tells what became of it; never rejects. `read` gives its content or throws a problem; `index` counts
   * the items of the request from 0. Items are handed to the save queue in the order of the calls.
   */
  async save(read: () => Content, index: number): Promise<BatchResult> {
    let content: Content;
    try {
      content = read();
    } catch (error) {
      return this.#failed(error as Error, 'invalid');
    }
    const { metrics, nowMs, save } = this.#deps;
    const { form, first } = this.#options;
    const startedMs = nowMs();
    let outcome: SaveMetricOutcome = 'failed';
    try {
      const result = await save(saveRequest(content, this.#source, this.#tokenOf(first + index), this.#deps));
      outcome = result.kind === 'key_reused' ? 'rejected' : result.kind;
      this.#count(outcome);
      return resultOf(result, form);
    } catch (error) {
      return this.#failed(error as Error, 'failed');
    } finally {
      metrics.itemSaveDuration.observe({ outcome }, (nowMs() - startedMs) / 1_000);
    }
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
