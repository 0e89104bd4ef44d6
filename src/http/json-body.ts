// Reads request bodies: JSON in UTF-8 and nothing else.
import { isUtf8 } from 'node:buffer';
import { MIMEType } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from './problems.ts';

/**
 * Replaces Fastify's parsers by one for application/json, which hands on the text: whoever parses it must see how it is
 * spelled. Every other media type, however it is disguised, is a 415, so no body gets past validation by being called
 * something else.
 */
export function installJsonBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
      done(new ProblemError('unsupported-media-type', 'the body must not have a content encoding'));
    } else if (!saysUtf8(request.headers['content-type'] ?? '')) {
      done(new ProblemError('unsupported-media-type', 'the body must be in UTF-8'));
    } else if (!isUtf8(body)) {
      // Decoding would turn every wrong byte into U+FFFD, and different contents into the same one.
      done(new ProblemError('malformed-json', 'the body is not valid UTF-8'));
    } else {
      done(null, body.toString());
    }
  });
}

/** JSON needs no charset and is always UTF-8 (RFC 8259, section 8.1), but some clients say so, or something else. */
function saysUtf8(contentType: string): boolean {
  if (!contentType.includes(';')) return true;
  try {
    return (new MIMEType(contentType).params.get('charset') ?? 'utf-8').toLowerCase() === 'utf-8';
  } catch {
    return false;
  }
}
