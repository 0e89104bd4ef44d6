// What a request for many items tells of each of them, and what it counts.
import type { Item } from '../items/item.ts';
import type { SaveOutcome } from '../items/pending-save.ts';
import { SAVE_OUTCOMES, type SaveMetricOutcome } from '../observability/metrics.ts';
import type { Preferences } from './prefer.ts';
import { type ProblemCode, type ProblemDetail, ProblemError, PROBLEMS } from './problems.ts';

/** What became of one item: the status that it would have had by itself, and the item or why there is none. */
export type BatchResult = {
  readonly status: number;
  readonly replayed?: true;
  readonly code?: ProblemCode;
  readonly item?: Item;
  /** In place of the item with `Prefer: return=minimal`. */
  readonly id?: string;
  readonly detail?: string;
  readonly errors?: readonly ProblemDetail[];
};

/** The result of a save that came to an outcome. */
export function resultOf(outcome: SaveOutcome, { lenient, minimal }: Preferences): BatchResult {
  switch (outcome.kind) {
    case 'saved':
      return { status: 201, ...shown(outcome.item, minimal) };
    case 'replayed':
      return { status: 201, replayed: true, ...shown(outcome.item, minimal) };
    case 'duplicate':
      return lenient
        ? { status: 200, ...shown(outcome.item, minimal) }
        : { status: 409, code: 'duplicate-item', ...shown(outcome.item, minimal) };
    case 'in_progress':
      return failureResult(new ProblemError('save-in-progress', 'another request is saving this content'));
    case 'key_reused':
      return failureResult(
        new ProblemError('idempotency-key-reused', 'this Idempotency-Key was used for another content'),
      );
  }
}

/** The result of an item that failed. */
export function failureResult({ code, message, extras: { errors } }: ProblemError): BatchResult {
  return { status: PROBLEMS[code].status, code, detail: message, ...(errors && { errors }) };
}

const shown = (item: Item, minimal: boolean) => (minimal ? { id: item.id } : { item });

/** The totals that a client is told. */
export type BatchCounts = {
  readonly saved: number;
  readonly replayed: number;
  readonly duplicates: number;
  readonly failed: number;
};

/** Counts the items of one request by what became of them. */
export class BatchTally {
  readonly #byOutcome = new Map<SaveMetricOutcome, number>(SAVE_OUTCOMES.map((outcome) => [outcome, 0]));

  add(outcome: SaveMetricOutcome): void {
    this.#byOutcome.set(outcome, this.of(outcome) + 1);
  }

  of(outcome: SaveMetricOutcome): number {
    return this.#byOutcome.get(outcome) ?? 0;
  }

  get counts(): BatchCounts {
    const [saved, replayed, duplicates] = [this.of('saved'), this.of('replayed'), this.of('duplicate')];
    const all = [...this.#byOutcome.values()].reduce((sum, count) => sum + count, 0);
    return { saved, replayed, duplicates, failed: all - saved - replayed - duplicates };
  }
}
