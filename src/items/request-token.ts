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
};

/**
 * The request token, 128 bits in base64url. Equal for the same source and idempotency key, else for the same attempt
 * of the proxy, else random. It is stored with the item; a save that finds its own token there is a replay.
 */
export function requestToken(identity: RequestIdentity): string {
  const { source, idempotencyKey, attemptId } = identity;
  if (idempotencyKey !== undefined) return digest(`key\0${source}\0${idempotencyKey}`);
  if (attemptId !== undefined) return digest(`attempt\0${source}\0${attemptId}`);
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

function digest(text: string): string {
  return hash('sha256', text, 'buffer').subarray(0, TOKEN_BYTES).toString('base64url');
}
