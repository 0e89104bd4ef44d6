// The examples of the document: one item, and one occurrence of each problem.
import { type ProblemCode, problemBody } from '../problems.ts';

export const ITEM = {
  id: '1763712000000-0-7',
  content: 'hello',
  source: 'anonymous',
  createdAt: '2025-11-21T08:00:00.000Z',
};
export const OTHER_ITEM = {
  id: '1763712000125-3-12',
  content: { order: 17, lines: [{ sku: 'A-1', quantity: 2 }] },
  source: 'anonymous',
  createdAt: '2025-11-21T08:00:00.125Z',
};
export const CURSOR = 'YW1pYThraDI4MH5-fn5-fn5-MC4wfn5-fn4yMy4zfn5-';
/** What a lookup says of the content of `ITEM`. */
export const IDENTITY = {
  kind: 'string',
  canonical: 'hello',
  sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
};
const REQUEST_ID = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6';

type Occurrence = { readonly detail: string; readonly instance?: string; readonly members?: object };

const OCCURRENCES: Readonly<Record<ProblemCode, Occurrence>> = {
  'bad-request': {
    detail: 'Idempotency-Key must be one key of 1 to 255 printable ASCII characters, bare or in double quotes',
  },
  'malformed-json': { detail: 'the body is not valid JSON' },
  unauthorized: { detail: 'a valid API key is needed: Authorization: Bearer <key>' },
  forbidden: { detail: 'this API key does not have the scope items:delete' },
  'not-found': { detail: 'there is no GET at this address', instance: '/v1/nothing' },
  'item-not-found': { detail: 'no item has this id', instance: `/v1/items/${ITEM.id}` },
  'method-not-allowed': { detail: 'this address takes GET, HEAD, OPTIONS, POST, not PUT' },
  'request-timeout': { detail: 'the request cannot be read', instance: '/' },
  'duplicate-item': { detail: 'this content is saved already', members: { item: ITEM } },
  'save-in-progress': { detail: 'another request is saving this content' },
  'payload-too-large': { detail: 'the body must have at most 409600 bytes' },
  'uri-too-long': { detail: 'The request line may have at most 8192 bytes.', instance: '/' },
  'unsupported-media-type': { detail: 'the body must be application/json' },
  'validation-failed': {
    detail: 'the request does not have the form that is asked for',
    members: { errors: [{ pointer: '/content', detail: 'must not be empty' }] },
  },
  'idempotency-key-reused': { detail: 'this Idempotency-Key was used for another content' },
  'rate-limited': { detail: 'too many requests and items from this client' },
  'headers-too-large': { detail: 'the request cannot be read', instance: '/' },
  'internal-error': { detail: 'an unexpected error occurred' },
  'bad-gateway': { detail: 'No instance could be reached. Sending the request again is safe.', instance: '/' },
  'store-unavailable': { detail: 'the store could not be reached in time; the same request may be sent again' },
  'not-replicated': {
    detail: 'the save could not be confirmed on all replicas in time; the same request may be sent again',
  },
  overloaded: { detail: 'too many saves are waiting; send the same request again later' },
  draining: { detail: 'this instance is shutting down; send the same request again' },
  'not-ready': {
    detail: 'this instance is starting',
    instance: '/readyz',
    members: { state: 'starting', storeReachable: false },
  },
  'gateway-timeout': {
    detail: 'No instance answered in time. Whether the request took effect is unknown; sending it again is safe.',
    instance: '/',
  },
  'storage-full': { detail: 'the store is out of memory; this attempt saved nothing' },
};

/** An occurrence of a problem, in full. `others` are members that the problem has in one place only. */
export function exampleOf(code: ProblemCode, others: object = {}): Record<string, unknown> {
  const { detail, instance = '/v1/items', members } = OCCURRENCES[code];
  return { ...problemBody(code, detail, instance, REQUEST_ID), ...members, ...others };
}
