// The metrics that every program of ours has: of its process, its requests and its connections to Redis.
import { collectDefaultMetrics, Counter, Gauge } from 'prom-client';
import type { Logger } from './logger.ts';
import { createRegistry, createTracedHistogram } from './traced-histogram.ts';

// Around the objective of 100 ms, and up to the longest that a save may wait.
export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15];

export type CommonMetrics = ReturnType<typeof createCommonMetrics>;

export type CommonLabels = {
  readonly connections: readonly string[];
  readonly buildInfo: { readonly version: string; readonly node: string };
  /** Whether histograms of requests keep traces as examples. */
  readonly hasExemplars?: boolean;
};

/** Creates a registry with these metrics, each series at 0, so that rates and alerts work from the first scrape. */
export function createCommonMetrics(labels: CommonLabels) {
  const { hasExemplars = false } = labels;
  const registry = createRegistry(hasExemplars);
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // Gauges with the names of counters, which promtool objects to; what they count is in the same names without "_total".
  for (const kind of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${kind}_total`);
  const httpRequestDuration = createTracedHistogram(
    {
      name: 'http_request_duration_seconds',
      help: 'Time from the first byte of a request to the last byte of its answer.',
      labelNames: ['method', 'route', 'status_code'] as const,
      buckets: SECONDS,
      registers,
    },
    hasExemplars,
  );
  const redisConnectionUp = new Gauge({
    name: 'redis_connection_up',
    help: 'Connections that are ready for commands; one for each Sentinel under connection="sentinel", else 0 or 1.',
    labelNames: ['connection'] as const,
    registers,
  });
  const redisReconnects = new Counter({
    name: 'redis_reconnects_total',
    help: 'Attempts to reconnect.',
    labelNames: ['connection'] as const,
    registers,
  });
  for (const connection of labels.connections) {
    redisConnectionUp.set({ connection }, 0);
    redisReconnects.inc({ connection }, 0);
  }
  const redisMasterChanges = new Counter({
    name: 'redis_master_changes_total',
    help: 'Times that a majority of Sentinels named another master than before.',
    registers,
  });
  const buildInfo = new Gauge({
    name: 'build_info',
    help: 'Always 1; the labels say what is running.',
    labelNames: ['version', 'node'] as const,
    registers,
  });
  buildInfo.set(labels.buildInfo, 1);
  return {
    registry,
    hasExemplars,
    httpRequestDuration,
    redisConnectionUp,
    redisReconnects,
    redisMasterChanges,
    buildInfo,
  };
}

/** Logs and counts what becomes of the connections to Redis. */
export function observeConnections(metrics: CommonMetrics, logger: Logger) {
  return {
    up(connection: string) {
      metrics.redisConnectionUp.inc({ connection });
      logger.info({ connection }, 'connected to Redis');
    },
    down(connection: string) {
      metrics.redisConnectionUp.dec({ connection });
      logger.warn({ connection }, 'connection to Redis closed');
    },
    reconnecting: (connection: string) => metrics.redisReconnects.inc({ connection }),
    failed: (connection: string, error: Error) =>
      logger.warn({ connection, reason: error.message }, 'no connection to Redis'),
    masterChanged(master: string) {
      metrics.redisMasterChanges.inc();
      logger.warn({ master }, 'the Sentinels name another master');
    },
  };
}
