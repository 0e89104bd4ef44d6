// Answers to GET and HEAD that a client may have already: validators, and 304 without a body.
import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** May be kept, and is asked for again each time: an item that was erased must not be answered from a cache. */
export const NO_CACHE = 'no-cache';

/** The strong ETag of these very bytes: 132 bits of their SHA-256. */
export const strongEtag = (body: string | Buffer): string => `"${hash('sha256', body, 'base64url').slice(0, 22)}"`;

/** Sends the body with its ETag, or 304 when If-None-Match names it. Headers that are set before go with both. */
export function sendUnlessKnown(
  request: FastifyRequest,
  reply: FastifyReply,
  etag: string,
  body: unknown,
): FastifyReply {
  void reply.header('etag', etag);
  if (!isKnown(request.headers['if-none-match'], etag)) return reply.send(body);
  // It describes a body, and there is none.
  void reply.removeHeader('content-type');
  // To HEAD the framework would add a length of 0, which is not that of what is known.
  return reply.code(304).send(request.method === 'HEAD' ? Readable.from([]) : undefined);
}

/** RFC 9110, section 13.1.2: a weak comparison with each member of the list. None of our ETags has a comma in it. */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((part) => part.trim() === '*' || part.trim().replace(/^W\//, '') === etag);
}
