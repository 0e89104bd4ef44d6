// The routes that operators' tools ask: alive, ready, metrics.
import type { FastifyInstance } from 'fastify';
import type { CommonMetrics } from '../observability/common-metrics.ts';
import type { Readiness, ReadinessReport } from '../observability/readiness.ts';
import { scrape } from '../observability/traced-histogram.ts';
import { ProblemError } from './problems.ts';

const UNCACHED = { 'cache-control': 'no-store' };
const WHY_NOT: Readonly<Record<Exclude<ReadinessReport['status'], 'ready'>, string>> = {
  starting: 'this instance is starting',
  draining: 'this instance is shutting down',
  'store-unreachable': 'this instance has not reached the store for longer than a failover takes',
};

/** Registers /livez and /readyz. Neither asks the store: a probe that does turns its outage into a storm of restarts. */
export async function healthRoutes(app: FastifyInstance, { readiness }: { readiness: Readiness }): Promise<void> {
  const config = { isProbe: true };
  app.get('/livez', { config }, async (_request, reply) => reply.headers(UNCACHED).send({ status: 'alive' }));
  app.get('/readyz', { config }, async (_request, reply) => {
    const { status, storeReachable } = readiness.report();
    if (status === 'ready') return reply.headers(UNCACHED).send({ status, storeReachable });
    throw new ProblemError('not-ready', WHY_NOT[status], {
      headers: UNCACHED,
      members: { state: status, storeReachable },
    });
  });
}

/** Registers /metrics in the Prometheus text format, and as OpenMetrics for who asks for that where there are exemplars. */
export async function metricsRoute(app: FastifyInstance, { metrics }: { metrics: CommonMetrics }): Promise<void> {
  const { registry, hasExemplars } = metrics;
  app.get('/metrics', { config: { isProbe: true } }, async (request, reply) => {
    if (!hasExemplars) return reply.type(registry.contentType).send(await registry.metrics());
    const asksForOpenMetrics = request.headers.accept?.includes('application/openmetrics-text') === true;
    const { type, text } = await scrape(registry, asksForOpenMetrics);
    return reply.type(type).send(text);
  });
}
