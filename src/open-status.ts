// Sets up the status page of an instance: what it shows, and the files that it is made of.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Config } from './config.ts';
import * as limits from './http/limits.ts';
import type { StatusDeps } from './http/status-routes.ts';
import type { Metrics } from './observability/metrics.ts';
import type { Readiness } from './observability/readiness.ts';
import { saveTotals } from './observability/save-totals.ts';
import type { OpenStore } from './redis/store.ts';
import { StatusBoard } from './status/board.ts';

const INTERVAL_MS = 1_000;

const read = (name: string): string => readFileSync(new URL(`http/status-page/${name}`, import.meta.url), 'utf8');

export type StatusSources = {
  readonly config: Pick<Config, 'PORT' | 'ALLOWED_HOSTS'>;
  readonly version: string;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly store: Pick<OpenStore, 'statusChannel' | 'setReport'>;
  readonly pendingSaves: () => number;
};

/** Starts to measure at once. Whoever calls it stops the board. */
export function openStatus(sources: StatusSources): { readonly board: StatusBoard; readonly deps: StatusDeps } {
  const { config, version, metrics, readiness, store, pendingSaves } = sources;
  const board = new StatusBoard({
    // Containers have the same port and names of their own, processes of one machine the other way round.
    self: { id: randomUUID(), name: `${hostname()}:${config.PORT}`, version, startedAt: Date.now() },
    totals: () => saveTotals(metrics),
    waiting: pendingSaves,
    state: () => readiness.report().status,
    set: () => store.setReport(),
    channel: store.statusChannel,
    clock: { nowMs: () => performance.now(), date: () => Date.now() },
    intervalMs: INTERVAL_MS,
  });
  return {
    board,
    deps: {
      board,
      assets: { page: read('page.html'), script: read('page.js'), style: read('page.css') },
      allowedHosts: config.ALLOWED_HOSTS ?? [],
      maxWatchers: limits.MAX_STATUS_WATCHERS,
      times: {
        stallMs: limits.STATUS_STALL_MS,
        retryMs: limits.FEED_RETRY_MS,
        drainRetryMs: limits.FEED_DRAIN_RETRY_MS,
      },
    },
  };
}
