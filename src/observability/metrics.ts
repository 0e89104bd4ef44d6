// Every metric of the service, in one registry of its own; label values come from closed sets only.
import { Counter, Gauge, Histogram } from 'prom-client';
import { type CommonLabels, createCommonMetrics, SECONDS } from './common-metrics.ts';
import { createTracedHistogram } from './traced-histogram.ts';

export const SAVE_OUTCOMES = [
  'saved',
  'replayed',
  'duplicate',
  'in_progress',
  'invalid',
  'rejected',
  'failed',
] as const;
export type SaveMetricOutcome = (typeof SAVE_OUTCOMES)[number];
export const SAVE_MODES = ['single', 'batch', 'stream'] as const;

export const ERASE_OUTCOMES = ['erased', 'absent', 'failed'] as const;
export type EraseMetricOutcome = (typeof ERASE_OUTCOMES)[number];

export const AUTHENTICATION_OUTCOMES = ['accepted', 'refused', 'forbidden'] as const;

export type Metrics = ReturnType<typeof createMetrics>;

/** The label values that other modules bring along; every series of theirs exists from the start. */
export type MetricLabels = CommonLabels & {
  readonly unconfirmedReasons: readonly string[];
  readonly lockOutcomes: readonly string[];
  readonly pendingSaves: () => number;
};

/** Creates the registry and all its metrics, each series at 0, so that rates and alerts work from the first scrape. */
export function createMetrics(labels: MetricLabels) {
  const common = createCommonMetrics(labels);
  const registers = [common.registry];

  const itemSaves = new Counter({
    name: 'item_saves_total',
    help: 'Contents that were posted, by what became of them.',
    labelNames: ['outcome', 'mode'] as const,
    registers,
  });
  for (const outcome of SAVE_OUTCOMES) for (const mode of SAVE_MODES) itemSaves.inc({ outcome, mode }, 0);
  const itemSaveDuration = createTracedHistogram(
    {
      name: 'item_save_duration_seconds',
      help: 'Time from handing a content to the save queue to its outcome.',
      labelNames: ['outcome'] as const,
      buckets: SECONDS,
      registers,
    },
    common.hasExemplars,
  );
  for (const outcome of SAVE_OUTCOMES) itemSaveDuration.zero({ outcome });
  const itemSavesPending = new Gauge({
    name: 'item_saves_pending',
    help: 'Saves that wait for their outcome now.',
    registers,
    collect() {
      this.set(labels.pendingSaves());
    },
  });
  const itemSavesJoined = new Counter({
    name: 'item_saves_joined_total',
    help: 'Saves that joined a save of the same content in this process.',
    registers,
  });
  const itemErasures = new Counter({
    name: 'item_erasures_total',
    help: 'Items that were asked to be erased, by what became of them.',
    labelNames: ['outcome'] as const,
    registers,
  });
  for (const outcome of ERASE_OUTCOMES) itemErasures.inc({ outcome }, 0);
  const itemFeedConsumers = new Gauge({
    name: 'item_feed_consumers',
    help: 'Consumers of the feed that are connected now.',
    registers,
  });
  const itemFeedEvents = new Counter({
    name: 'item_feed_events_total',
    help: 'Items that were handed to consumers of the feed.',
    registers,
  });
  const httpAuthentications = new Counter({
    name: 'http_authentications_total',
    help: 'Requests to addresses that need an API key: accepted, refused (401) or forbidden (403, the scope is missing).',
    labelNames: ['outcome'] as const,
    registers,
  });
  for (const outcome of AUTHENTICATION_OUTCOMES) httpAuthentications.inc({ outcome }, 0);
  const apiKeys = new Gauge({
    name: 'api_keys',
    help: 'API keys in the file that was read last, those that have expired included.',
    registers,
  });
  const apiKeyReloadFailures = new Counter({
    name: 'api_key_reload_failures_total',
    help: 'Times that the file of API keys had changed and could not be used; the keys before it stay.',
    registers,
  });
  const auditLinesLost = new Counter({
    name: 'audit_lines_lost_total',
    help: 'Lines of the audit log that were lost because the disk did not take them in time.',
    registers,
  });
  const commitBatchSize = new Histogram({
    name: 'commit_batch_size',
    help: 'Contents in one commit.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 500],
    registers,
  });
  const commitDuration = createTracedHistogram(
    {
      name: 'commit_duration_seconds',
      help: 'Time of one round of the save path: locks, script and acknowledgement.',
      buckets: SECONDS,
      registers,
    },
    common.hasExemplars,
  );
  const replicationAck = new Histogram({
    name: 'replication_ack_seconds',
    help: 'Time of script and acknowledgement of commits that were confirmed.',
    buckets: SECONDS,
    registers,
  });
  const replicationAckFailures = new Counter({
    name: 'replication_ack_failures_total',
    help: 'Commits that were not confirmed, by reason.',
    labelNames: ['reason'] as const,
    registers,
  });
  for (const reason of labels.unconfirmedReasons) replicationAckFailures.inc({ reason }, 0);
  const contentLockAcquire = new Histogram({
    name: 'content_lock_acquire_seconds',
    help: 'Time until the locks of one batch, or of one contended content, were answered for; when contended, until its commit was.',
    labelNames: ['outcome'] as const,
    buckets: SECONDS,
    registers,
  });
  for (const outcome of labels.lockOutcomes) contentLockAcquire.zero({ outcome });
  const contentLockLost = new Counter({
    name: 'content_lock_lost_total',
    help: 'Saves that the store fenced off because another instance held their lock.',
    registers,
  });
  const contentLockReleaseFailures = new Counter({
    name: 'content_lock_release_failures_total',
    help: 'Locks that could not be released and expire by themselves.',
    registers,
  });

  return {
    ...common,
    itemSaves,
    itemSaveDuration,
    itemSavesPending,
    itemSavesJoined,
    itemErasures,
    itemFeedConsumers,
    itemFeedEvents,
    httpAuthentications,
    apiKeys,
    apiKeyReloadFailures,
    auditLinesLost,
    commitBatchSize,
    commitDuration,
    replicationAck,
    replicationAckFailures,
    contentLockAcquire,
    contentLockLost,
    contentLockReleaseFailures,
  };
}
