// Ends requests whose body does not arrive in time. Node's own limit knows no exception, and a long stream is one.
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { REQUEST_TIMEOUT_MS } from './limits.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Ends the request when its body is late; null when there is none to wait for. */
    bodyTimer: NodeJS.Timeout | null;
  }
}

/** Installs the limit. A late body is answered like one that Node finds late: 408, and the connection is closed. */
export function installBodyTimeout(app: FastifyInstance): void {
  app.decorateRequest('bodyTimer', null);
  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    // A request that a test injects has no connection that could be closed.
    if (!hasBody(raw) || !(raw.socket instanceof Socket)) return done();
    const timer = setTimeout(() => {
      if (raw.complete) return;
      // The rest of a body that is refused already is read away; a second answer would be taken for the next one's.
      if (reply.raw.headersSent) raw.socket.destroy();
      else app.server.emit('clientError', lateBody(), raw.socket);
    }, REQUEST_TIMEOUT_MS);
    request.bodyTimer = timer.unref();
    raw.once('close', () => clearTimeout(timer));
    done();
  });
}

/** Takes the limit away from a request that has one of its own. */
export function allowLongBody(request: FastifyRequest): void {
  clearTimeout(request.bodyTimer ?? undefined);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function lateBody(): Error {
  return Object.assign(new Error('the body did not arrive in time'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
}
