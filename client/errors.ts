// What can go wrong between a client and the service: an answer that is a problem, or no answer.
import type { ProblemDetail } from './contract.ts';
import { readRetryAfterMs } from './retry-after.ts';

/** The service answered, with a problem (RFC 9457). */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  /** Stable; `http-<status>` where a proxy answered without one. */
  readonly code: string;
  /** For the operators of the service. */
  readonly requestId: string | null;
  readonly errors: readonly ProblemDetail[];
  /** How long the service asks us to wait, or null. */
  readonly retryAfterMs: number | null;
  /** All members of the problem. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, headers: Headers, body: Readonly<Record<string, unknown>>) {
    const code = typeof body['code'] === 'string' ? body['code'] : `http-${status}`;
    super(typeof body['detail'] === 'string' ? body['detail'] : `the service answered ${status}`);
    this.status = status;
    this.code = code;
    this.requestId = headers.get('x-request-id');
    this.errors = Array.isArray(body['errors']) ? (body['errors'] as ProblemDetail[]) : [];
    this.retryAfterMs = readRetryAfterMs(headers.get('retry-after'), Date.now());
    this.body = body;
  }
}

/** No answer came, or only a part of one: the network, a time-out, a proxy. Whether a save was kept is unknown. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** Turns whatever fetch threw into an `UnreachableError` that says why; fetch itself only says "fetch failed". */
export function unreachable(error: unknown): UnreachableError {
  if (error instanceof UnreachableError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  // A name with several addresses fails with an error that holds one for each.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  const reason = first instanceof Error ? first.message || first.name : String(first);
  return new UnreachableError(`no answer: ${reason}`, { cause: error });
}

/** Reads an answer that is a problem, of ours or of a proxy that knows no problems. */
export function problemFrom(status: number, headers: Headers, text: string): ProblemError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Below.
  }
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  return new ProblemError(status, headers, isObject ? (body as Record<string, unknown>) : {});
}
