// Builds the HTTP side from its dependencies. Opens nothing, listens nowhere, reads no setting.
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from 'fastify';
import type { KeyCheck } from './access/keyring.ts';
import { collectAllowedMethods } from './http/allowed-methods.ts';
import { installAuthentication } from './http/authentication.ts';
import { type BatchDeps, batchRoute } from './http/batch-route.ts';
import { installBodyTimeout } from './http/body-timeout.ts';
import { installCors } from './http/cors.ts';
import { type DocumentDeps, documentRoutes } from './http/document-routes.ts';
import { type EraseDeps, eraseRoute } from './http/erase-route.ts';
import { installErrorHandler, refuseUnknownAddresses, renderError } from './http/error-handler.ts';
import { installJsonBody } from './http/json-body.ts';
import { type FeedDeps, feedRoute } from './http/feed-route.ts';
import { refuseUnknownHosts } from './http/known-hosts.ts';
import * as limits from './http/limits.ts';
import { type LookupDeps, lookupRoute } from './http/lookup-route.ts';
import { installBodyShare } from './http/memory-share.ts';
import { healthRoutes, metricsRoute } from './http/ops-routes.ts';
import { problemPages } from './http/problem-pages.ts';
import { installProtocolChecks } from './http/protocol-errors.ts';
import { type ReadDeps, readRoutes } from './http/read-routes.ts';
import { requestIdOf } from './http/request-headers.ts';
import { installRateLimit, type RateLimit } from './http/rate-limit.ts';
import { installRequestLog, recordRequest } from './http/request-log.ts';
import { installRequestTrace, type ServerTracer } from './http/request-trace.ts';
import { saveRoute } from './http/save-route.ts';
import { type StatsDeps, statsRoute } from './http/stats-route.ts';
import { type StatusDeps, statusRoutes } from './http/status-routes.ts';
import type { CommonMetrics } from './observability/common-metrics.ts';
import type { Logger } from './observability/logger.ts';
import type { Readiness } from './observability/readiness.ts';

export type AppDeps = BatchDeps &
  ReadDeps &
  LookupDeps &
  EraseDeps &
  FeedDeps &
  StatsDeps &
  DocumentDeps & {
    readonly logger: Logger;
    readonly readiness: Readiness;
    /** Whether /metrics is served here, and not by `buildOpsApp` on a port of its own. */
    readonly servesMetrics: boolean;
    /** The status page, where it is served here; it names Redis nodes, and is open to whoever reaches it. */
    readonly status: StatusDeps | null;
    /** The origins whose scripts may use the service from a browser, or null for none. */
    readonly corsOrigins: '*' | readonly string[] | null;
    /** Names under which what needs no key is served, besides those that nobody can register; `*` for all. */
    readonly allowedHosts: readonly string[];
    /** Null where nobody is asked for a key. */
    readonly keys: KeyCheck | null;
    /** Null where clients may send as much as they like. */
    readonly rateLimit: RateLimit | null;
    /** Null where requests are not traced. */
    readonly tracer: ServerTracer | null;
  };

/** What an application needs that only operators' tools talk to. */
export type OpsDeps = Pick<AppDeps, 'logger' | 'readiness' | 'isTrustedProxy'> & { readonly metrics: CommonMetrics };

/** The application that clients talk to. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = fastify(serverOptions(deps));
  const addAllowedMethods = await prepare(app, deps, deps.corsOrigins, deps.tracer);
  if (deps.keys === null) refuseUnknownHosts(app, deps.allowedHosts);
  installAuthentication(app, deps);
  installRateLimit(app, deps.rateLimit);
  installBodyShare(app);
  installJsonBody(app);
  await app.register(saveRoute, deps);
  await app.register(batchRoute, deps);
  await app.register(lookupRoute, deps);
  await app.register(readRoutes, deps);
  await app.register(eraseRoute, deps);
  await app.register(feedRoute, deps);
  await app.register(statsRoute, deps);
  await app.register(documentRoutes, deps);
  await app.register(problemPages);
  await app.register(healthRoutes, deps);
  if (deps.servesMetrics) await app.register(metricsRoute, deps);
  if (deps.status !== null) await app.register(statusRoutes, deps.status);
  addAllowedMethods();
  return app;
}

/**
 * The application that nginx passes streams to: only the route of batches, over HTTP/2 without TLS. Over HTTP/1.1 nginx
 * stops passing a request on for good when we are slow to read it and the answer has begun.
 */
export async function buildStreamApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = fastify({ ...serverOptions(deps), http2: true } as FastifyServerOptions);
  const addAllowedMethods = await prepare(app, deps, deps.corsOrigins, deps.tracer);
  if (deps.keys === null) refuseUnknownHosts(app, deps.allowedHosts);
  installAuthentication(app, deps);
  installRateLimit(app, deps.rateLimit);
  installBodyShare(app);
  installJsonBody(app);
  await app.register(batchRoute, deps);
  addAllowedMethods();
  return app;
}

/** The application that operators' tools talk to when they have a port of their own. */
export async function buildOpsApp(deps: OpsDeps, status: StatusDeps | null = null): Promise<FastifyInstance> {
  const app = fastify(serverOptions(deps));
  const addAllowedMethods = await prepare(app, deps, null, null);
  await app.register(problemPages);
  await app.register(healthRoutes, deps);
  await app.register(metricsRoute, deps);
  if (status !== null) await app.register(statusRoutes, status);
  addAllowedMethods();
  return app;
}

async function prepare(
  app: FastifyInstance,
  { logger, metrics, readiness }: OpsDeps,
  corsOrigins: AppDeps['corsOrigins'],
  tracer: ServerTracer | null,
): Promise<() => void> {
  // First of all hooks, so that whatever happens next is answered with it.
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  installRequestTrace(app, tracer);
  installRequestLog(app, logger, metrics);
  installErrorHandler(app);
  // Before whatever refuses a request without waiting for its body.
  installBodyTimeout(app);
  if (corsOrigins !== null) await installCors(app, corsOrigins);
  app.server.maxConnections = limits.MAX_CONNECTIONS;
  installProtocolChecks(app, logger);
  refuseUnknownAddresses(app);
  app.addHook('onSend', (request, reply, _payload, done) => {
    endConnectionWhenDraining(request, reply, readiness);
    done();
  });
  return collectAllowedMethods(app);
}

/**
 * While draining, each answer also ends its connection, so that none is cut in the middle of the next request. HTTP/2 has
 * no such header, and nginx takes a new connection for each stream.
 */
function endConnectionWhenDraining({ raw }: FastifyRequest, reply: FastifyReply, readiness: Readiness): void {
  if (readiness.isDraining && raw.httpVersionMajor === 1) void reply.header('connection', 'close');
}

function serverOptions({ logger, metrics, readiness, isTrustedProxy }: OpsDeps): FastifyServerOptions {
  return {
    loggerInstance: logger,
    // Without a logger for each request: what the framework logs by itself is rare, and the request's line has its id.
    childLoggerFactory: (parent: FastifyBaseLogger) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (request) => requestIdOf(request.headers),
    requestIdHeader: false,
    trustProxy: (address) => isTrustedProxy(address),
    bodyLimit: limits.MAX_BODY_BYTES,
    // `installBodyTimeout` does it.
    requestTimeout: 0,
    keepAliveTimeout: limits.KEEP_ALIVE_TIMEOUT_MS,
    http: {
      maxHeaderSize: limits.MAX_HEADER_BYTES,
      headersTimeout: limits.HEADERS_TIMEOUT_MS,
      // `installProtocolChecks` does it.
      requireHostHeader: false,
      // Otherwise the first Host, Authorization or Content-Type counts here, and for a proxy maybe the last one.
      joinDuplicateHeaders: true,
    },
    // An overlong id is an id that no item has; the router's own limit (100) would answer it past all hooks.
    routerOptions: { maxParamLength: limits.MAX_HEADER_BYTES },
    // Requests that come in over open connections during a shutdown are served like all others.
    return503OnClosing: false,
    allowErrorHandlerOverride: false,
    // An address that cannot be decoded: answered before there is a route, and so before all hooks.
    frameworkErrors: (error, request, reply) => {
      void reply.header('x-request-id', request.id);
      endConnectionWhenDraining(request, reply, readiness);
      renderError(error, request, reply);
      recordRequest(request, reply, logger, metrics);
    },
  } as FastifyServerOptions;
}
