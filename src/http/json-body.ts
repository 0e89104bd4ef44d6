// Reads request bodies: JSON in UTF-8 and nothing else.
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from './problems.ts';

/**
 * Replaces Fastify's parsers by one for application/json. Every other media type, however it is disguised, is a 415, so
 * no body gets past validation by being called something else. `__proto__` and `constructor.prototype` are a 400.
 */
export function installJsonBody(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
      done(new ProblemError('unsupported-media-type', 'the body must not have a content encoding'));
    } else if (!isUtf8(body)) {
      // Decoding would turn every wrong byte into U+FFFD, and different contents into the same one.
      done(new ProblemError('malformed-json', 'the body is not valid UTF-8'));
    } else {
      const text = body.toString();
      void parse(request, text, (error) => (error === null ? done(null, text) : done(error)));
    }
  });
}
