// Answers, as problems, the requests that Node would answer by itself without one.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Logger } from '../observability/logger.ts';
import { LINGER_MS } from './limits.ts';
import { type ProblemCode, PROBLEMS, problemBody, ProblemError } from './problems.ts';
import { requestIdOf } from './request-headers.ts';

type ParseError = Error & { readonly code?: string };

/** Installs what happens to requests that cannot be parsed, that have no host, and that have an unknown expectation. */
export function installProtocolChecks(app: FastifyInstance, logger: Logger): void {
  const latest = new WeakMap<Socket, FastifyReply>();
  app.addHook('onRequest', ({ raw }, reply, done) => {
    latest.set(raw.socket, reply);
    const fault = framingFault(raw);
    done(fault === null ? undefined : new ProblemError('bad-request', fault, { headers: { connection: 'close' } }));
  });
  // RFC 9110, section 10.1.1, lets a server ignore an expectation that it does not know.
  app.server.on('checkExpectation', (request, response) => void app.server.emit('request', request, response));
  const isAnswered = (socket: Socket): boolean => {
    const reply = latest.get(socket);
    return reply?.request.raw.complete === false && reply.raw.headersSent;
  };
  // In place of Fastify's own.
  app.server.removeAllListeners('clientError').on('clientError', unreadableRequestHandler(logger, isAnswered));
}

/**
 * What Node lets pass and whoever stands in front of it may read otherwise (RFC 9112, sections 3.2, 6.1 and 6.3), or
 * null. Node's own check of the host (`requireHostHeader`) is off: its answer has no body and no request id.
 */
function framingFault({ headers, httpVersion }: IncomingMessage): string | null {
  const { host } = headers;
  if (host === undefined && httpVersion === '1.1') return 'the request has no Host header';
  // Two of them are joined with a comma.
  if (host?.includes(',')) return 'the request has more than one Host header';
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return null;
  if (httpVersion === '1.0') return 'HTTP/1.0 has no Transfer-Encoding';
  return coding.toLowerCase() === 'chunked' ? null : 'the only transfer coding is chunked, once';
}

/**
 * Answers a request that could not even be parsed, once, and closes its connection. `isAnswered` tells whether the
 * request that is being read on a connection has its answer, or the head of it: a second one would be taken for a part of it,
 * or for the answer to the next request.
 */
function unreadableRequestHandler(
  logger: Logger,
  isAnswered: (socket: Socket) => boolean,
): (error: ParseError, socket: Socket) => void {
  const answered = new WeakSet<Socket>();
  return (error, socket) => {
    // Node reports every further chunk of what it cannot read as another error.
    if (answered.has(socket)) return;
    answered.add(socket);
    // A client that has gone needs no answer.
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
    if (isAnswered(socket)) {
      socket.end();
      return;
    }
    const code = problemOf(error);
    const { status, title } = PROBLEMS[code];
    const requestId = requestIdOf({});
    logger.info({ requestId, status, reason: error.code }, 'unreadable request');
    const body = JSON.stringify(problemBody(code, 'the request cannot be read', '/', requestId));
    socket.end(
      `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nX-Request-Id: ${requestId}\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  };
}

function problemOf({ code }: ParseError): ProblemCode {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request-timeout';
    case 'HPE_HEADER_OVERFLOW':
      return 'headers-too-large';
    default:
      return 'bad-request';
  }
}
