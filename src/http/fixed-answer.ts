// An answer that is the same as long as the process lives: made once, with a validator.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NO_CACHE, sendUnlessKnown, strongEtag } from './conditional.ts';

export type FixedAnswer = (request: FastifyRequest, reply: FastifyReply) => FastifyReply;

/** A handler that answers with this body; `headers` may name another Cache-Control. */
export function fixedAnswer(
  type: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): FixedAnswer {
  const etag = strongEtag(body);
  const all = { 'content-type': type, 'cache-control': NO_CACHE, 'x-content-type-options': 'nosniff', ...headers };
  return (request, reply) => sendUnlessKnown(request, reply.headers(all), etag, body);
}

export const HTML = 'text/html; charset=utf-8';
export const JSON_TYPE = 'application/json; charset=utf-8';
