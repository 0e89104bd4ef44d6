// The token that tells a retry of a save from a second save of the same content.
import { hash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 12;
const TOKEN_LENGTH = 16;
/** The last bytes of a token, to which the number of an item is added: as many as Node writes at once. */
const NUMBER_BYTES = 6;

/** How a request identifies itself over retries, strongest first. */
export type RequestIdentity = {
  readonly source: string;
  /** The client's `Idempotency-Key`, bound to its source: one client cannot replay another's key. */
  readonly idempotencyKey?: string | undefined;
  /** The proxy's id for this request, the same over the proxy's own retries. */
  readonly attemptId?: string | undefined;
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
 * The request token, 96 bits in base64url. Equal for the same source and idempotency key, else for the same attempt of the
 * proxy, else random. It is stored with the item; a save that finds its own token there is a replay. Two requests with one
 * token are taken for one only if they also post the same content; that any two of 10^12 tokens are equal at all
 * has a chance of 6 in a million, so more bits would only take memory for each item.
 */
export function requestToken(identity: RequestIdentity): RequestToken {
  const { idempotencyKey, attemptId } = identity;
  if (idempotencyKey !== undefined) return derive('key', identity.source, idempotencyKey);
  if (attemptId !== undefined) return derive('attempt', identity.source, attemptId);
  return { token: randomToken(), tokenKind: 'random' };
}

/**
 * The tokens of a request for many items, by the number of the item: another one for each, and the same ones when the
 * request is sent again with the same key. One hash is made for all of them and the number added to it, which is a token
 * as good as a hash of both and 4 times as fast: two requests share one as seldom as two random tokens are equal.
 */
export function itemTokens(identity: RequestIdentity): (itemNumber: number) => RequestToken {
  const { idempotencyKey } = identity;
  const { token, tokenKind } =
    idempotencyKey === undefined ? requestToken(identity) : derive('batch', identity.source, idempotencyKey);
  const bytes = Buffer.from(token, 'base64url');
  const at = TOKEN_BYTES - NUMBER_BYTES;
  const first = bytes.readUIntBE(at, NUMBER_BYTES);
  return (itemNumber) => {
    bytes.writeUIntBE((first + itemNumber) % 2 ** (8 * NUMBER_BYTES), at, NUMBER_BYTES);
    return { token: bytes.toString('base64url'), tokenKind };
  };
}

/** A header holds no NUL, so no two identities give the same text. */
function derive(tokenKind: TokenKind, source: string, id: string): RequestToken {
  return { token: hash('sha256', `${tokenKind}\0${source}\0${id}`, 'base64url').slice(0, TOKEN_LENGTH), tokenKind };
}

// Random text that is not used yet. Asking for the bytes of each token by themselves was 6 % of a save.
let unused = '';

function randomToken(): string {
  if (unused === '') unused = randomBytes(256 * TOKEN_BYTES).toString('base64url');
  const token = unused.slice(0, TOKEN_LENGTH);
  unused = unused.slice(TOKEN_LENGTH);
  return token;
}
