// Collects what became of requests: how many, with which status, how long they took, and when.
import { createHistogram } from 'node:perf_hooks';
import { type LoadResult, MOMENT_MS, type Moment, PERCENTILES } from './load-job.ts';

type Counted = { -readonly [K in keyof Moment]: Moment[K] };

export class Measurement {
  readonly #latency = createHistogram();
  readonly #statuses: Record<string, number> = {};
  readonly #timeline: Counted[] = [];
  readonly #startedMs = performance.now();
  readonly #cpu = process.cpuUsage();
  #requests = 0;

  /** A request that was begun, or due, at `sinceMs` was answered now. */
  add(status: number, sinceMs: number): void {
    const nowMs = performance.now();
    const latencyMs = nowMs - sinceMs;
    this.#requests++;
    const name = status === 0 ? 'error' : String(status);
    this.#statuses[name] = (this.#statuses[name] ?? 0) + 1;
    this.#latency.record(Math.max(1, Math.round(latencyMs * 1e6)));
    const index = Math.floor((nowMs - this.#startedMs) / MOMENT_MS);
    while (this.#timeline.length <= index) this.#timeline.push({ saved: 0, other: 0, maxLatencyMs: 0 });
    const moment = this.#timeline[index];
    if (moment === undefined) return;
    if (status === 201) moment.saved++;
    else moment.other++;
    moment.maxLatencyMs = Math.max(moment.maxLatencyMs, latencyMs);
  }

  result(): LoadResult {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      requests: this.#requests,
      seconds: (performance.now() - this.#startedMs) / 1_000,
      statuses: this.#statuses,
      latencyMs: PERCENTILES.map((percentile) => this.#latency.percentile(percentile) / 1e6),
      cpuSeconds: (user + system) / 1e6,
      timeline: this.#timeline,
    };
  }
}
