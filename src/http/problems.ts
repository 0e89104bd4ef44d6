// Every problem that the service answers with, in the form of RFC 9457, and the error that carries one to its rendering.
import type { FastifyReply, FastifyRequest } from 'fastify';

type ProblemKind = { readonly status: number; readonly title: string; readonly advice: string };

/** The closed set of problems by slug. The slug is the stable `code`; `advice` is what its page tells a client to do. */
export const PROBLEMS = {
  'bad-request': { status: 400, title: 'Bad request', advice: 'A header or the address cannot be read. Correct it.' },
  'malformed-json': { status: 400, title: 'Malformed JSON', advice: 'Send one JSON object in UTF-8 as the body.' },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    advice: 'Send a valid API key: Authorization: Bearer <key>. The operators of the service give out keys.',
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    advice: 'The API key is valid, but lacks the scope that detail names. Ask the operators for a key that has it.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    advice: 'There is nothing at this address. Look at the README for what there is.',
  },
  'item-not-found': {
    status: 404,
    title: 'No such item',
    advice: 'No item has this id or this content, or it was erased.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    advice: 'The Allow header names the methods that this address takes.',
  },
  'request-timeout': {
    status: 408,
    title: 'Request timeout',
    advice: 'The request took too long to arrive. Send it again.',
  },
  'duplicate-item': {
    status: 409,
    title: 'Duplicate item',
    advice:
      'This content is saved already. The member item is the original, Location its address. There is nothing to do.',
  },
  'save-in-progress': {
    status: 409,
    title: 'Save in progress',
    advice:
      'Another request is saving this content at the moment. Send the same request again after the time in Retry-After.',
  },
  'payload-too-large': {
    status: 413,
    title: 'Payload too large',
    advice: 'A content takes at most 65,536 bytes in UTF-8, a request body at most 409,600.',
  },
  'uri-too-long': { status: 414, title: 'URI too long', advice: 'Shorten the address.' },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    advice: 'Send the body as application/json in UTF-8, without a content encoding.',
  },
  'validation-failed': {
    status: 422,
    title: 'Validation failed',
    advice: 'The member errors says what is wrong where. Correct it before sending again.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'Idempotency key reused',
    advice: 'This Idempotency-Key was used for another content within 24 hours. Use a new key for each content.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    advice:
      'This client sends more than it may. Send the same request again after the time in Retry-After, and fewer of them at a time.',
  },
  'headers-too-large': { status: 431, title: 'Headers too large', advice: 'Send fewer or shorter headers.' },
  'internal-error': {
    status: 500,
    title: 'Internal error',
    advice: 'A fault of the service. Give its operators the requestId. The request may be sent again.',
  },
  'bad-gateway': {
    status: 502,
    title: 'Bad gateway',
    advice: 'No instance could be reached. Send the same request again.',
  },
  'store-unavailable': {
    status: 503,
    title: 'Store unavailable',
    advice:
      'The store did not answer in time. The content may or may not be saved or erased; the same request may be sent again.',
  },
  'not-replicated': {
    status: 503,
    title: 'Not replicated',
    advice:
      'The request could not be confirmed on all replicas. The content may or may not be saved or erased; the same request may be sent again.',
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    advice:
      'Too many requests are waiting, and this one was not begun. Send the same request again after the time in Retry-After.',
  },
  draining: {
    status: 503,
    title: 'Draining',
    advice: 'This instance is shutting down and did not begin this request. Send it again.',
  },
  'not-ready': {
    status: 503,
    title: 'Not ready',
    advice:
      'This instance takes no traffic at the moment; the member state says why. Only load balancers and operators ask for this.',
  },
  'gateway-timeout': {
    status: 504,
    title: 'Gateway timeout',
    advice: 'No instance answered in time. The content may or may not be saved; the same request may be sent again.',
  },
  'storage-full': {
    status: 507,
    title: 'Storage full',
    advice:
      'The store is out of memory and refuses new contents and new idempotency keys; it never forgets old ones instead. This attempt saved nothing.',
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One thing that is wrong with a request: a JSON pointer (RFC 6901) into the body, or the name of a query parameter. */
export type ProblemDetail = { readonly detail: string; readonly pointer?: string; readonly parameter?: string };

type ProblemExtras = {
  readonly errors?: readonly ProblemDetail[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly members?: Readonly<Record<string, unknown>>;
};

/** What a client is told. `message` is for people and must hold nothing internal. */
export type Problem = { readonly code: ProblemCode; readonly message: string; readonly extras: ProblemExtras };

/** A problem on its way to the client, where it has to be thrown. */
export class ProblemError extends Error implements Problem {
  readonly code: ProblemCode;
  readonly extras: ProblemExtras;

  constructor(code: ProblemCode, detail: string, extras: ProblemExtras = {}, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'ProblemError';
    this.code = code;
    this.extras = extras;
  }
}

/** Seconds after which a client should try again, for every problem that passes by itself. */
const RETRY_AFTER_SECONDS = '1';
/** The problems that are answered with Retry-After, those of nginx included. */
export const RETRYABLE: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'save-in-progress',
  'store-unavailable',
  'not-replicated',
  'overloaded',
  'draining',
  'not-ready',
  'storage-full',
  'rate-limited',
  'bad-gateway',
  'gateway-timeout',
]);

/** The body of a problem (RFC 9457, section 3.1) with our extension members. */
export function problemBody(
  code: ProblemCode,
  detail: string,
  instance: string,
  requestId: string,
): Record<string, unknown> {
  const { status, title } = PROBLEMS[code];
  return { type: `/problems/${code}`, title, status, detail, instance, code, requestId };
}

/** Answers with a problem: the one place where a problem becomes a status, headers and a body. Keeps it for the log line. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  request.failure ??= problem;
  const { errors, headers, members } = problem.extras;
  // Without the query: it is the client's own, but an address with a long cursor helps nobody.
  const [instance = '/'] = request.url.split('?', 1);
  const body = problemBody(problem.code, problem.message, instance, request.id);
  if (errors !== undefined) body['errors'] = errors;
  if (RETRYABLE.has(problem.code)) void reply.header('retry-after', RETRY_AFTER_SECONDS);
  if (headers !== undefined) void reply.headers(headers);
  return reply
    .code(PROBLEMS[problem.code].status)
    .type('application/problem+json')
    .send(JSON.stringify(Object.assign(body, members)));
}
