// One log line and one measurement for each request.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What a save came to and of which content, for the log line. */
    saveLog: { readonly outcome: string; readonly digest: string } | null;
    /** Why the answer is an error. */
    failure: Error | null;
  }
  interface FastifyContextConfig {
    /** The status codes that the route answers with, so that their series exist from the start. */
    statusCodes?: readonly number[];
    /** Probes and scrapes: neither logged (but at debug level) nor measured. */
    isProbe?: boolean;
  }
}

/** The label of requests that match no route; their addresses are the clients' to choose and must not become labels. */
const UNKNOWN_ROUTE = 'unknown';

/** Installs the hooks. Call it before any route is registered. */
export function installRequestLog(app: FastifyInstance, logger: Logger, metrics: Metrics): void {
  app.decorateRequest('saveLog', null);
  app.decorateRequest('failure', null);
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const status of config?.statusCodes ?? []) {
      for (const name of [method].flat()) {
        metrics.httpRequestDuration.zero({ method: name, route: url, status_code: String(status) });
      }
    }
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? UNKNOWN_ROUTE;
    const { isProbe = false } = request.routeOptions.config;
    const seconds = reply.elapsedTime / 1_000;
    if (!isProbe) {
      const labels = { method: request.method, route, status_code: String(reply.statusCode) };
      metrics.httpRequestDuration.observe(labels, seconds);
    }
    logger[levelFor(reply.statusCode, isProbe)](
      {
        requestId: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 1_000) / 1_000,
        ...request.saveLog,
        ...failureFields(request, reply.statusCode),
      },
      'request',
    );
  });
}

function levelFor(status: number, isProbe: boolean): 'debug' | 'info' | 'warn' | 'error' {
  if (isProbe) return 'debug';
  if (status === 500) return 'error';
  return status > 500 ? 'warn' : 'info';
}

/** A client's mistake is told by its message, a failure of the store by its detail, and only a bug by its stack. */
function failureFields({ failure }: FastifyRequest, status: number): Record<string, unknown> {
  if (failure === null) return {};
  return status === 500 ? { err: failure } : { reason: failure.message };
}
