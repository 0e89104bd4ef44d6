// Composition root of the keeper: opens what it needs, wires it, and closes it in reverse order.
import { buildOpsApp } from '../app.ts';
import type { Running } from '../entry.ts';
import { observeConnections } from '../observability/common-metrics.ts';
import type { Logger } from '../observability/logger.ts';
import { Readiness } from '../observability/readiness.ts';
import type { StoreAccess } from '../redis/connection-options.ts';
import type { Poll } from '../redis/sentinel-watch.ts';
import { SetNodes } from '../redis/set-nodes.ts';
import { watchSet } from '../redis/watch-set.ts';
import { urlOf } from '../url-of.ts';
import type { KeeperConfig } from './keeper-config.ts';
import { createKeeperMetrics, type KeeperMetrics } from './keeper-metrics.ts';
import { Keeper, type KeeperObserver, type NodeKind } from './keeper.ts';

/**
 * More than a second, because on a quiet set replicas acknowledge once a second; less than an instance's, because what is
 * promotable here must be in sync there, see `IN_SYNC_LAG_MS` in redis/store.ts and `IN_SYNC_FOR_MS` in marks.ts.
 */
const IN_SYNC_LAG_MS = 1_200;
/** Without a fresh view for longer than this the keeper does not do its work. */
const IDLE_TOLERANCE_MS = 15_000;
/**
 * The Sentinels' own 10 s are how long saves wait for a replica that came back and is behind: so long they do not know its
 * priority. Nine INFOs a second cost nothing that can be measured.
 */
const INFO_PERIOD_MS = 1_000;
const WATCH_INTERVAL_MS = 1_000;

/**
 * Starts the keeper and resolves when its own port listens. /readyz tells whether it sees the set, and waits for the first
 * replica that could replace the master.
 */
export async function startKeeper(config: KeeperConfig, version: string, logger: Logger): Promise<Running> {
  await using undo = new AsyncDisposableStack();
  const kinds = new Map<string, NodeKind>();
  const buildInfo = { version, node: process.version };
  const metrics = createKeeperMetrics({ connections: ['watch', 'sentinel'], buildInfo }, kinds);
  const readiness = new Readiness(IDLE_TOLERANCE_MS);
  const access = accessOf(config);
  const nodes = new SetNodes(access);
  undo.defer(() => nodes.close());
  const keeper = new Keeper(nodes, observeKeeper(metrics, logger, kinds, readiness));
  const connections = observeConnections(metrics, logger);
  const watch = watchSet(access, connections, {
    inSyncLagMs: IN_SYNC_LAG_MS,
    infoPeriodMs: INFO_PERIOD_MS,
    onMasterChange: ({ master }) => connections.masterChanged(master),
    onPoll(poll: Poll) {
      if (poll.confirmed !== null) metrics.looks.inc();
      void keeper.see(poll);
    },
  });
  undo.defer(() => watch?.close());
  const timer = setInterval(() => readiness.storeAnswered(watch?.fresh() != null), WATCH_INTERVAL_MS);
  undo.defer(() => clearInterval(timer));
  const app = await buildOpsApp({ logger, metrics, readiness, isTrustedProxy: () => false });
  undo.defer(() => app.close());
  await app.listen({ host: config.HOST, port: config.PORT });
  const parts = undo.move();
  return { url: urlOf(app), close: () => parts.disposeAsync() };
}

function observeKeeper(
  metrics: KeeperMetrics,
  logger: Logger,
  kinds: Map<string, NodeKind>,
  readiness: Readiness,
): KeeperObserver {
  return {
    looked(node, kind) {
      kinds.set(node, kind);
      // Before that nobody could replace the master, so whoever waits for the set to be up should wait for this too.
      if (kind === 'promotable') readiness.started();
    },
    forgotten(known) {
      for (const node of kinds.keys()) if (!known.has(node)) kinds.delete(node);
    },
    done(node, action) {
      if (action.kind === 'follow') {
        metrics.demotions.inc();
        logger.warn({ node, master: action.master }, 'made a node of the former master follow the new one');
      } else {
        metrics.priorityChanges.inc({ to: String(action.priority) });
        logger.info({ node, priority: action.priority }, 'set the replica-priority');
      }
    },
    failed(node, action, error) {
      metrics.failures.inc();
      logger.warn({ node, action: action.kind, reason: error.message }, 'a node did not do as it was told');
    },
  };
}

function accessOf(config: KeeperConfig): StoreAccess {
  return {
    target: { kind: 'sentinel', sentinels: config.REDIS_SENTINELS, masterName: config.REDIS_MASTER_NAME },
    username: config.REDIS_USERNAME,
    password: config.REDIS_PASSWORD,
    sentinelUsername: config.SENTINEL_USERNAME,
    sentinelPassword: config.SENTINEL_PASSWORD,
    tlsCa: config.REDIS_TLS_CA,
  };
}
