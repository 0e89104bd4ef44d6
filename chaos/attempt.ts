// What is known about one request of a client: what it sent, and what it was told.

/**
 * What a client was told. `refused` is an answer that does not say "saved" (503, 507, 409 save-in-progress, 429 …): an
 * item may exist all the same. `unknown` is no answer of the service at all: a time-out, a cut connection, a 502 or 504.
 */
export type Outcome =
  | { readonly kind: 'saved'; readonly id: string; readonly replayed: boolean }
  | { readonly kind: 'duplicate'; readonly id: string }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  | { readonly kind: 'unknown'; readonly why: string };

/** Times are milliseconds since 1970 on a clock that never goes back. `n` counts from 0 in the order of sending. */
export type Attempt = {
  readonly n: number;
  readonly client: number;
  readonly content: string;
  readonly idempotencyKey: string | null;
  readonly sentAtMs: number;
  /** Null while there is no outcome; then the outcome is unknown. */
  readonly answeredAtMs: number | null;
  readonly outcome: Outcome;
};

/** Milliseconds since 1970 that only grow, whatever is done to the machine's clock. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

const RETRYABLE: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/** Whether a client that got this may send the same again: when it does not settle whether its content is saved. */
export function mayBeRetried(outcome: Outcome): boolean {
  if (outcome.kind === 'refused') return outcome.status >= 500 || RETRYABLE.has(outcome.status);
  return outcome.kind === 'unknown';
}
