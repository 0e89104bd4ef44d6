// Makes each request a part of a trace, where requests are traced.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SaveTrace } from '../items/save-trace.ts';
import type { RequestFacts, RequestTrace, RequestTracer } from '../observability/tracing.ts';

/** The trace of a request, which its save can add to. */
type ServerTrace = RequestTrace & SaveTrace;
export type ServerTracer = RequestTracer<ServerTrace>;

declare module 'fastify' {
  interface FastifyRequest {
    /** Null where requests are not traced, and for probes and feeds. */
    trace: ServerTrace | null;
  }
}

/**
 * Installs the hook that begins the trace of a request; `recordRequest` ends it. A feed is none: its span would come
 * hours after whatever it could explain.
 */
export function installRequestTrace(app: FastifyInstance, tracer: ServerTracer | null): void {
  app.decorateRequest('trace', null);
  if (tracer === null) return;
  app.addHook('onRequest', (request, reply, done) => {
    const { url: route, config } = request.routeOptions;
    if (config.isProbe !== true && config.isEndless !== true) {
      const { id: requestId, method, headers, protocol: scheme } = request;
      const { httpVersion } = request.raw;
      request.trace = tracer.begin({ method, route, scheme, httpVersion, requestId, headers });
      void reply.header('traceparent', request.trace.traceparent);
    }
    done();
  });
}

/** What a save of this request is to tell its steps to: undefined unless somebody will read it. */
export function saveTraceOf({ trace }: FastifyRequest): SaveTrace | undefined {
  return trace?.keptTraceId === undefined ? undefined : trace;
}

/** Ends the trace of a request that is answered. */
export function endTrace({ trace, saveLog }: FastifyRequest, status: number): void {
  if (trace?.keptTraceId !== undefined) trace.end(status, saveLog === null ? {} : factsOf(saveLog));
}

/** All that the log line says of saves but the digest: contents are not to be recognised in a trace. */
function factsOf(saveLog: NonNullable<FastifyRequest['saveLog']>): RequestFacts {
  const { digest: _digest, ...facts } = { digest: undefined, ...saveLog };
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [`item.${name}`, value]));
}
