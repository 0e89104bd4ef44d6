// Turns whatever went wrong into a problem. Nothing else in the service decides about the status of an error.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceFailure } from '../items/errors.ts';
import { MAX_BODY_BYTES } from './limits.ts';
import { ProblemError, sendProblem } from './problems.ts';

/** Installs the handlers for errors and for addresses that do not exist. */
export function installErrorHandler(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    // Fastify ends the connection after any fault of a body. Under a client that is still sending that resets it, and
    // the client never sees its 413. Kept open, Node reads the rest away, for as long as a request may take.
    void reply.removeHeader('connection');
    return renderError(error, request, reply);
  });
  app.setNotFoundHandler((request, reply) => renderError(notFound(request), request, reply));
}

/** Refuses addresses that do not exist before the body is looked at: they are a 404 whatever was sent to them. */
export function refuseUnknownAddresses(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    done(request.is404 ? notFound(request) : undefined);
  });
}

/** Answers with the problem that an error stands for, and keeps the error for the request's log line. */
export function renderError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error);
  // A parser's message quotes what the client sent, which no log may hold; only our own errors say what happened inside.
  request.failure = problem.code === 'internal-error' || error instanceof ServiceFailure ? error : problem;
  return sendProblem(request, reply, problem);
}

/** The problem of an address that does not exist. */
export function notFound(request: FastifyRequest): ProblemError {
  return new ProblemError('not-found', `there is no ${request.method} at this address`);
}

/** The problem that an error stands for. */
export function toProblem(
  error: Error & { readonly code?: unknown; readonly statusCode?: number | undefined },
): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof ServiceFailure) return new ProblemError(error.code, failureDetail(error));
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ProblemError('payload-too-large', `the body must have at most ${MAX_BODY_BYTES} bytes`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ProblemError('unsupported-media-type', 'the body must be application/json');
    case 'FST_ERR_BAD_URL':
      return new ProblemError('bad-request', 'the address is not a valid URL');
    default:
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new ProblemError('bad-request', 'the request cannot be processed');
  }
  return new ProblemError('internal-error', 'an unexpected error occurred');
}

/** What a client may know of a failure: what it means for its content, never why it happened inside. */
function failureDetail({ code }: ServiceFailure): string {
  switch (code) {
    case 'store-unavailable':
      return 'the store could not be reached in time; the same request may be sent again';
    case 'not-replicated':
      return 'it could not be confirmed on all replicas in time; the same request may be sent again';
    case 'overloaded':
      return 'too many requests are waiting; send the same request again later';
    case 'draining':
      return 'this instance is shutting down; send the same request again';
    case 'storage-full':
      return 'the store is out of memory; this attempt saved nothing';
  }
}
