// Turns a content and the request that brought it into a request to save.
import type { FastifyRequest } from 'fastify';
import type { KeyCheck } from '../access/keyring.ts';
import { type Content, contentKey } from '../items/content.ts';
import type { SaveOutcome, SaveRequest, Waiter } from '../items/pending-save.ts';
import type { RequestToken } from '../items/request-token.ts';
import type { SaveTrace } from '../items/save-trace.ts';
import { sourceOf } from './authentication.ts';
import type { AuditLog } from '../observability/audit-log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { RateLimit } from './rate-limit.ts';
import { attemptIdOf, idempotencyKeyOf } from './request-headers.ts';

/** What every route that saves needs. */
export type SaveDeps = {
  /** See `SaveQueue`. */
  readonly save: (request: SaveRequest) => Promise<SaveOutcome>;
  readonly submit: (request: SaveRequest, waiter: Waiter) => void;
  readonly metrics: Metrics;
  /** Null where none is kept. */
  readonly auditLog: AuditLog | null;
  /** Null where nobody is asked for a key. */
  readonly keys: Pick<KeyCheck, 'isStillValid'> | null;
  /** Null where clients may send as much as they like. */
  readonly rateLimit: RateLimit | null;
  readonly saveDeadlineMs: number;
  readonly isTrustedProxy: (address: string | undefined) => boolean;
  /** Monotonic. */
  readonly nowMs: () => number;
};

/** Who sends this, and how it is known again when it is sent again. Throws a `bad-request` problem for a bad header. */
export function readIdentity(request: FastifyRequest, { isTrustedProxy }: SaveDeps) {
  return {
    source: sourceOf(request.caller),
    idempotencyKey: idempotencyKeyOf(request.headers),
    attemptId: isTrustedProxy(request.socket.remoteAddress) ? attemptIdOf(request.headers) : undefined,
  };
}

/** The request to save one content. */
export function saveRequest(
  content: Content,
  source: string,
  { token, tokenKind }: RequestToken,
  deps: SaveDeps,
  trace?: SaveTrace,
): SaveRequest {
  const deadlineMs = deps.nowMs() + deps.saveDeadlineMs;
  return { key: contentKey(content), content, source, token, tokenKind, deadlineMs, trace };
}
