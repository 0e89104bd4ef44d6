// The token that tells a retry of a save from a second save of the same content.
import { hash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 16;

/** How a request identifies itself over retries, strongest first. */
export type RequestIdentity = {
  readonly source: string;
  /** The client's `Idempotency-Key`, bound to its source: one client cannot replay another's key. */
  readonly idempotencyKey?: string | undefined;
  /** The proxy's id for this request, the same over the proxy's own retries. */
  readonly attemptId?: string | undefined;
  /** Of a request for many items: which of them, so that each has a token of its own. */
  readonly itemNumber?: number | undefined;
};

/**
 * Where a token comes from, and so who else can have it: `random` nobody, `attempt` only the proxy's retry of the same
 * request, `key` and `batch` whatever the client sends with the same idempotency key, however much later. For a `key` the
 * store remembers which content it was used for; for a `batch`, the key of a request for many items, it does not.
 */
export type TokenKind = 'random' | 'attempt' | 'key' | 'batch';
/** Whether a client can send the same token again at any time. */
export const isRepeatable = (kind: TokenKind): boolean => kind === 'key' || kind === 'batch';

export type RequestToken = { readonly token: string; readonly tokenKind: TokenKind };

/**
 * The request token, 128 bits in base64url. Equal for the same source and idempotency key, else for the same attempt
 * of the proxy, else random; another one for each item of a request. It is stored with the item; a save that finds its own token there
 * is a replay.
 */
export function requestToken({ source, idempotencyKey, attemptId, itemNumber }: RequestIdentity): RequestToken {
  // A header holds no NUL, so no two identities give the same text.
  const derive = (tokenKind: TokenKind, id: string): RequestToken => ({
    token: digest(`${tokenKind}\0${source}\0${id}${itemNumber === undefined ? '' : `\0${itemNumber}`}`),
    tokenKind,
  });
  if (idempotencyKey !== undefined) return derive(itemNumber === undefined ? 'key' : 'batch', idempotencyKey);
  if (attemptId !== undefined) return derive('attempt', attemptId);
  return { token: randomBytes(TOKEN_BYTES).toString('base64url'), tokenKind: 'random' };
}

function digest(text: string): string {
  return hash('sha256', text, 'buffer').subarray(0, TOKEN_BYTES).toString('base64url');
}
