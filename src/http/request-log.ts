// One log line and one measurement for each request.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Logger, logPlain } from '../observability/logger.ts';
import type { CommonMetrics } from '../observability/common-metrics.ts';
import type { BatchCounts } from './batch-result.ts';
import type { Problem } from './problems.ts';
import { endTrace } from './request-trace.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What a save came to and of which content, or how many saves came to what, for the log line. */
    saveLog: SaveLog | null;
    /** How much a feed delivered, for the log line. */
    feedLog: { readonly events: number } | null;
    /** Set by a route that calls `recordRequest` itself: of an answer that is cut the framework tells never, or too early. */
    isRecordedByRoute: boolean;
    /** Why the answer is an error: what was thrown, or the problem that it tells of. */
    failure: Error | Problem | null;
  }
  interface FastifyContextConfig {
    /** The status codes that the route answers with, so that their series exist from the start. */
    statusCodes?: readonly number[];
    /** Probes and scrapes: neither logged (but at debug level) nor measured. */
    isProbe?: boolean;
    /** Answers go on until somebody ends them: how long that took is no latency, and is not measured. */
    isEndless?: boolean;
  }
}

type SaveLog =
  | { readonly outcome: string; readonly digest?: string }
  | ({ readonly mode: string; readonly end?: string } & BatchCounts);

/** Labels of requests that match no route: their addresses and methods are the clients' to choose. */
const UNKNOWN_ROUTE = 'unknown';
const OTHER_METHOD = 'other';

/** Installs the hooks. Call it before any route is registered. */
export function installRequestLog(app: FastifyInstance, logger: Logger, metrics: CommonMetrics): void {
  app.decorateRequest('saveLog', null);
  app.decorateRequest('feedLog', null);
  app.decorateRequest('isRecordedByRoute', false);
  app.decorateRequest('failure', null);
  for (const status of [400, 404]) metrics.httpRequestDuration.zero(labelsOf(OTHER_METHOD, UNKNOWN_ROUTE, status));
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const status of config?.statusCodes ?? []) {
      for (const name of [method].flat()) metrics.httpRequestDuration.zero(labelsOf(name, url, status));
    }
  });
  app.addHook('onResponse', (request, reply, done) => {
    if (!request.isRecordedByRoute) recordRequest(request, reply, logger, metrics);
    done();
  });
}

/** Writes the log line of a request that is answered, and measures it. */
export function recordRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
  metrics: CommonMetrics,
): void {
  const { url: route = UNKNOWN_ROUTE, config } = request.routeOptions;
  const { isProbe = false, isEndless = false } = config;
  const { statusCode: status, elapsedTime } = reply;
  const isMeasured = !isProbe && !(isEndless && status === 200);
  const { trace } = request;
  const labels = labelsOf(request.method, route, status);
  if (isMeasured) metrics.httpRequestDuration.observe(labels, elapsedTime / 1_000, trace?.keptTraceId);
  const level = levelFor(request, status, isProbe);
  const fields = {
    requestId: request.id,
    method: request.method,
    route,
    status,
    durationMs: Math.round(elapsedTime * 1_000) / 1_000,
    ...callerFields(request),
    ...request.saveLog,
    ...request.feedLog,
    ...failureFields(request, status),
    ...trace?.ids,
    msg: 'request',
  };
  endTrace(request, status);
  if (level === 'info') logPlain(logger, fields);
  else logger[level](fields);
}

/** Nothing for a request that was answered before anybody looked at its key. */
function callerFields({ caller }: FastifyRequest): Record<string, string> {
  return caller == null ? {} : { client: caller.client, keyId: caller.keyId };
}

function labelsOf(method: string, route: string, status: number) {
  const isForeign = route === UNKNOWN_ROUTE || status === 405;
  return { method: isForeign ? OTHER_METHOD : method, route, status_code: String(status) };
}

function levelFor(request: FastifyRequest, status: number, isProbe: boolean): 'debug' | 'info' | 'warn' | 'error' {
  if (isProbe) return 'debug';
  if (isBug(request, status)) return 'error';
  return status > 500 ? 'warn' : 'info';
}

/** A client's mistake is told by its message, a failure of the store by its detail, and only a bug by its stack. */
function failureFields(request: FastifyRequest, status: number): Record<string, unknown> {
  const { failure } = request;
  if (failure == null) return {};
  return isBug(request, status) ? { err: failure } : { reason: failure.message };
}

/** In an answer that is no error itself, what failed is one of many items, and it is kept for this line only if it is a bug. */
function isBug({ failure }: FastifyRequest, status: number): boolean {
  return status === 500 || (failure != null && status < 400);
}
