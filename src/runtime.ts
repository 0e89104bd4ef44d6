// Composition root: opens what the service needs, wires it, and closes it in reverse order.
import { setTimeout } from 'node:timers/promises';
import { type AppDeps, buildApp, buildOpsApp, buildStreamApp } from './app.ts';
import { COMMIT_MARGIN_MS } from './config-checks.ts';
import { type Config, ConfigError } from './config.ts';
import { readDocsAssets } from './docs-assets.ts';
import { BatchAdmission } from './http/batch-admission.ts';
import * as limits from './http/limits.ts';
import { trustedProxies } from './http/trusted-proxy.ts';
import type { Probe } from './items/fault-points.ts';
import { SaveQueue } from './items/save-queue.ts';
import type { SaveTracer } from './items/save-trace.ts';
import { observeConnections } from './observability/common-metrics.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics, type Metrics } from './observability/metrics.ts';
import { Readiness } from './observability/readiness.ts';
import { watchStore } from './observability/store-watch.ts';
import { openAudit } from './open-audit.ts';
import { openKeys } from './open-keys.ts';
import { openRateLimit } from './open-rate-limit.ts';
import { openStatus } from './open-status.ts';
import { openTracing } from './open-tracing.ts';
import type { StoreAccess } from './redis/connection-options.ts';
import { LOCK_OUTCOMES } from './redis/content-locks.ts';
import { UNCONFIRMED_REASONS } from './redis/faults.ts';
import { CONNECTIONS, type OpenStore, openStore, type StoreObservers, type StoreSettings } from './redis/store.ts';
import { shutDown } from './shutdown.ts';
import { urlOf } from './url-of.ts';

export type Runtime = {
  /** Where clients are served, as `http://host:port`. */
  readonly url: string;
  /** Where /metrics is when it has a port of its own. */
  readonly opsUrl: string | null;
  /**
   * Stops in order, each step with a deadline: not ready, drain, close the servers, let the saves in flight finish, leave
   * Redis. A step that fails or takes too long is logged and does not keep the next from happening.
   */
  close(): Promise<void>;
};

/**
 * What a test changes in a running service, to prove that it would notice if the service were wrong. Not a setting:
 * nothing that an operator writes ends up here.
 */
export type TestHooks = {
  /** Run in place of src/redis/save-items.lua. */
  readonly saveScript?: string | undefined;
  /** Told of every fault point that a save passes. */
  readonly probe?: Probe | undefined;
};

/** Beyond the longest failover that the set is configured for (detection, election, promotion), an instance is cut off. */
const STORE_LOST_AFTER_MS = 15_000;

const nowMs = (): number => performance.now();

/**
 * Starts the service and resolves when it listens; /readyz tells when it takes traffic. Calls `onFatal` when the data in
 * the store was made with other settings.
 */
export async function start(
  config: Config,
  version: string,
  logger: Logger,
  onFatal: (error: Error) => void,
  hooks: TestHooks = {},
): Promise<Runtime> {
  const isTrustedProxy = readTrustedProxies(config);
  await using undo = new AsyncDisposableStack();
  const metrics = createMetrics({
    connections: CONNECTIONS,
    unconfirmedReasons: UNCONFIRMED_REASONS,
    lockOutcomes: LOCK_OUTCOMES,
    buildInfo: { version, node: process.version },
    pendingSaves: () => queue.pending,
    hasExemplars: config.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined,
  });
  const tracing = await openTracing(config, version, metrics, logger);
  undo.defer(() => tracing?.close(0));
  const access = config.API_KEYS_FILE === undefined ? null : openKeys(config.API_KEYS_FILE, metrics, logger);
  if (access !== null) undo.defer(access.stop);
  const auditLog = openAudit(config, metrics, logger);
  undo.defer(async () => auditLog?.close());
  const readiness = new Readiness(STORE_LOST_AFTER_MS);
  const store = openStore(storeSettings(config), observeStore(metrics, logger), hooks);
  undo.defer(() => store.close(0));
  const queue = openQueue(config, store, metrics, hooks, tracing?.tracer);
  const status = openStatus({ config, version, metrics, readiness, store, pendingSaves: () => queue.pending });
  undo.defer(status.board.stop.bind(status.board));
  const deps: AppDeps = {
    logger,
    metrics,
    readiness,
    isTrustedProxy,
    nowMs,
    store: store.items,
    erasure: store.erasure,
    feed: store.feed,
    maxFeedConsumers: config.MAX_FEED_CONSUMERS,
    feedTimes: {
      heartbeatMs: limits.FEED_HEARTBEAT_MS,
      stallMs: limits.FEED_STALL_MS,
      retryMs: limits.FEED_RETRY_MS,
      drainRetryMs: limits.FEED_DRAIN_RETRY_MS,
    },
    save: (request) => queue.save(request),
    submit: (request, waiter) => queue.submit(request, waiter),
    partitions: config.PARTITIONS,
    saveDeadlineMs: config.SAVE_DEADLINE_MS,
    admission: new BatchAdmission(config.MAX_PENDING_SAVES),
    servesMetrics: config.METRICS_PORT === undefined,
    corsOrigins: config.CORS_ORIGINS ?? null,
    allowedHosts: config.ALLOWED_HOSTS ?? [],
    keys: access?.keys ?? null,
    auditLog,
    rateLimit: openRateLimit(config, nowMs),
    // Past keys it is only on the port that clients do not reach.
    status: config.API_KEYS_FILE === undefined ? status.deps : null,
    tracer: tracing?.tracer ?? null,
    version,
    docsAssets: readDocsAssets(),
  };
  const app = await buildApp(deps);
  undo.defer(() => app.close());
  const streams = config.STREAM_PORT === undefined ? null : await buildStreamApp(deps);
  if (streams !== null) undo.defer(() => streams.close());
  const ops = config.METRICS_PORT === undefined ? null : await buildOpsApp(deps, status.deps);
  if (ops !== null) undo.defer(() => ops.close());

  const backlog = limits.LISTEN_BACKLOG;
  await app.listen({ host: config.HOST, port: config.PORT, backlog });
  if (streams !== null) await streams.listen({ host: config.HOST, port: config.STREAM_PORT ?? 0, backlog });
  if (ops !== null) await ops.listen({ host: config.HOST, port: config.METRICS_PORT ?? 0 });
  const stopWatchingStore = watchStore(store, readiness, logger, (mismatch) => onFatal(new ConfigError(mismatch)));
  const stopWatch = (): void => {
    stopWatchingStore();
    status.board.stop();
    access?.stop();
  };
  undo.move();
  const servers = { close: () => Promise.all([app.close(), streams?.close()]) };
  // Both kinds of answers that would not end by themselves.
  const endless = {
    close() {
      store.feed.close();
      status.board.drain();
    },
  };
  const parts = { app: servers, ops, queue, feed: endless, store, readiness, stopWatch, tracing };
  return {
    url: urlOf(app),
    opsUrl: ops && urlOf(ops),
    async close() {
      await shutDown(parts, config.SHUTDOWN_GRACE_MS, logger);
      await auditLog?.close();
    },
  };
}

function readTrustedProxies(config: Config): (address: string | undefined) => boolean {
  try {
    return trustedProxies(config.TRUST_PROXY ?? []);
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}

function openQueue(
  config: Config,
  store: OpenStore,
  metrics: Metrics,
  { probe }: TestHooks,
  tracer: SaveTracer | undefined,
): SaveQueue {
  return new SaveQueue(
    {
      store: store.items,
      locks: store.locks,
      tally: store.tally,
      clock: { nowMs, delay: (ms) => setTimeout(ms), afterArrivals: (work) => void setImmediate(work) },
      random: Math.random,
      probe,
      tracer,
      observer: {
        joined: () => metrics.itemSavesJoined.inc(),
        committed(batchSize, durationMs, traceId) {
          metrics.commitBatchSize.observe(batchSize);
          metrics.commitDuration.observe({}, durationMs / 1_000, traceId);
        },
        lockLost: () => metrics.contentLockLost.inc(),
      },
    },
    {
      maxPendingSaves: config.MAX_PENDING_SAVES,
      lockWaitMs: config.LOCK_WAIT_MS,
      // A live save sends its next commit within one attempt, so a holder that is silent for longer is not coming back.
      lockBreakMs: config.ACK_TIMEOUT_MS + COMMIT_MARGIN_MS / 2,
      lockMarginMs: config.ACK_TIMEOUT_MS + COMMIT_MARGIN_MS / 2,
    },
  );
}

function storeSettings(config: Config): StoreSettings {
  const { REDIS_URL: url, REDIS_SENTINELS: sentinels } = config;
  const access: StoreAccess = {
    target:
      url === undefined
        ? { kind: 'sentinel', sentinels: sentinels ?? [], masterName: config.REDIS_MASTER_NAME }
        : { kind: 'standalone', url },
    username: config.REDIS_USERNAME,
    password: config.REDIS_PASSWORD,
    sentinelUsername: config.SENTINEL_USERNAME,
    sentinelPassword: config.SENTINEL_PASSWORD,
    tlsCa: config.REDIS_TLS_CA,
  };
  return {
    access,
    space: { prefix: config.REDIS_KEY_PREFIX, partitions: config.PARTITIONS, buckets: config.INDEX_BUCKETS },
    acks: config.ACKS,
    ackTimeoutMs: config.ACK_TIMEOUT_MS,
    lockTtlMs: config.LOCK_TTL_MS,
    deadlineMs: config.SAVE_DEADLINE_MS,
  };
}

function observeStore(metrics: Metrics, logger: Logger): StoreObservers {
  return {
    ...observeConnections(metrics, logger),
    acknowledged: (seconds) => metrics.replicationAck.observe(seconds),
    unconfirmed: (reason) => metrics.replicationAckFailures.inc({ reason }),
    acquired: (outcome, seconds) => metrics.contentLockAcquire.observe({ outcome }, seconds),
    releaseFailed: () => metrics.contentLockReleaseFailures.inc(),
  };
}
