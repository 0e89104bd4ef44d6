// The routes that operators' tools ask: alive, ready, metrics.
import type { FastifyInstance } from 'fastify';
import type { CommonMetrics } from '../observability/common-metrics.ts';
import type { Readiness } from '../observability/readiness.ts';

/** Registers /livez and /readyz. Neither asks the store: a probe that does turns its outage into a storm of restarts. */
export async function healthRoutes(app: FastifyInstance, { readiness }: { readiness: Readiness }): Promise<void> {
  const config = { isProbe: true };
  app.get('/livez', { config }, async () => ({ status: 'alive' }));
  app.get('/readyz', { config }, async (_request, reply) => {
    const report = readiness.report();
    return reply
      .code(report.status === 'ready' ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(report);
  });
}

/** Registers /metrics in the Prometheus text format. */
export async function metricsRoute(app: FastifyInstance, { metrics }: { metrics: CommonMetrics }): Promise<void> {
  app.get('/metrics', { config: { isProbe: true } }, async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}
