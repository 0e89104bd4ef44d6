// Builds the HTTP side from its dependencies. Opens nothing, listens nowhere, reads no setting.
import fastify, { type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify';
import { collectAllowedMethods } from './http/allowed-methods.ts';
import { installErrorHandler, problemOfParseError, renderError } from './http/error-handler.ts';
import { itemsRoutes, type ItemsRoutesOptions } from './http/items-routes.ts';
import { installJsonBody } from './http/json-body.ts';
import * as limits from './http/limits.ts';
import { healthRoutes, metricsRoute } from './http/ops-routes.ts';
import { problemPages } from './http/problem-pages.ts';
import { PROBLEMS, problemBody } from './http/problems.ts';
import { requestIdOf } from './http/request-headers.ts';
import { installRequestLog } from './http/request-log.ts';
import type { Logger } from './observability/logger.ts';
import type { Readiness } from './observability/readiness.ts';

export type AppDeps = ItemsRoutesOptions & {
  readonly logger: Logger;
  readonly readiness: Readiness;
  /** Whether /metrics is served here, and not by `buildOpsApp` on a port of its own. */
  readonly servesMetrics: boolean;
};

/** The application that clients talk to. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = fastify(serverOptions(deps));
  const addAllowedMethods = prepare(app, deps);
  installJsonBody(app);
  await app.register(itemsRoutes, deps);
  await app.register(problemPages);
  await app.register(healthRoutes, deps);
  if (deps.servesMetrics) await app.register(metricsRoute, deps);
  addAllowedMethods();
  return app;
}

/** The application that operators' tools talk to when they have a port of their own. */
export async function buildOpsApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = fastify(serverOptions(deps));
  const addAllowedMethods = prepare(app, deps);
  await app.register(healthRoutes, deps);
  await app.register(metricsRoute, deps);
  addAllowedMethods();
  return app;
}

function prepare(app: FastifyInstance, { logger, metrics, readiness }: AppDeps): () => void {
  // First of all hooks, so that whatever happens next is answered with it.
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
  });
  installRequestLog(app, logger, metrics);
  installErrorHandler(app);
  app.addHook('onSend', async (_request, reply) => {
    // While draining, each answer also ends its connection, so that none is cut in the middle of the next request.
    if (readiness.isDraining) void reply.header('connection', 'close');
  });
  return collectAllowedMethods(app);
}

function serverOptions({ logger, isTrustedProxy }: AppDeps): FastifyServerOptions {
  return {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (request) => requestIdOf(request.headers),
    requestIdHeader: false,
    trustProxy: (address) => isTrustedProxy(address),
    bodyLimit: limits.MAX_BODY_BYTES,
    requestTimeout: limits.REQUEST_TIMEOUT_MS,
    keepAliveTimeout: limits.KEEP_ALIVE_TIMEOUT_MS,
    http: { maxHeaderSize: limits.MAX_HEADER_BYTES, headersTimeout: limits.HEADERS_TIMEOUT_MS },
    // Requests that come in over open connections during a shutdown are served like all others.
    return503OnClosing: false,
    allowErrorHandlerOverride: false,
    frameworkErrors: (error, request, reply) => {
      void reply.header('x-request-id', request.id);
      renderError(error, request, reply);
    },
    clientErrorHandler: (error, socket) => {
      const code = problemOfParseError(error);
      const { status, title } = PROBLEMS[code];
      const requestId = requestIdOf({});
      logger.info({ requestId, status, reason: error.code }, 'unreadable request');
      if (!socket.writable) return;
      const body = JSON.stringify(problemBody(code, 'the request cannot be read', '/', requestId));
      socket.end(
        `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nX-Request-Id: ${requestId}\r\n` +
          `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
    },
  } as FastifyServerOptions;
}
