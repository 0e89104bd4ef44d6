// Posts contents at a steady rate, whatever the service does, and notes in the journal what became of each request.
import type { ClientRequest } from 'node:http';
import { mayBeRetried, nowMs } from './attempt.ts';
import { ItemClient } from './item-client.ts';
import type { Journal } from './journal.ts';
import { planLoad, type PlannedRequest } from './load-plan.ts';
import { LoadCounters, type LoadStats } from './load-stats.ts';
import { seededRandom } from './random.ts';

export type LoadOptions = {
  /** Each client uses one of them, in turn. */
  readonly urls: readonly string[];
  readonly clients: number;
  readonly requestsPerSecond: number;
  /** The same seed sends the same contents with the same keys in the same order; on one store, use it once. */
  readonly seed: number;
  readonly journal: Journal;
  /** Longer than SAVE_DEADLINE_MS, so that a 503 of the service is heard. */
  readonly timeoutMs?: number;
  /** With as many requests open, none is sent until some are answered. */
  readonly maxInFlight?: number;
  /** How often a client sends a request again that was refused or whose outcome it does not know. */
  readonly maxRetries?: number;
};

export type Load = {
  readonly stats: () => LoadStats;
  /** Begins to measure the longest gap between two 201s anew. */
  readonly restartGap: () => void;
  /** Sends nothing more; resolves when every open request is answered or has timed out. */
  stop(): Promise<void>;
};

const TICK_MS = 5;
/** After a pause of this process, what was not sent in time is left out but for this much. */
const MAX_BEHIND_MS = 100;
const RETRY_AFTER_MS = 250;
const RETRY_JITTER_MS = 1_000;

/** Starts at once. */
export function startLoad(options: LoadOptions): Load {
  const load = new RunningLoad(options);
  return {
    stats: () => load.counters.read(nowMs()),
    restartGap: () => load.counters.restartGap(nowMs()),
    stop: () => load.stop(),
  };
}

class RunningLoad {
  readonly counters = new LoadCounters(nowMs());
  readonly #options: Required<LoadOptions>;
  readonly #clients: readonly ItemClient[];
  readonly #steps: Iterator<readonly PlannedRequest[], never>;
  readonly #random: () => number;
  /** In the order of sending, so that those that time out next come first. */
  readonly #open = new Map<ClientRequest, number>();
  readonly #retries = new Set<NodeJS.Timeout>();
  readonly #timer: NodeJS.Timeout;
  readonly #idle = Promise.withResolvers<void>();
  #stopping = false;
  #lastTickMs = nowMs();
  #due = 0;

  constructor(options: LoadOptions) {
    this.#options = { timeoutMs: 20_000, maxInFlight: 1_000, maxRetries: 8, ...options };
    const { urls, clients, seed, maxInFlight } = this.#options;
    if (urls.length === 0) throw new Error('A load needs a URL.');
    this.#clients = Array.from(
      { length: clients },
      (_, i) => new ItemClient(urls[i % urls.length] as string, maxInFlight),
    );
    this.#steps = planLoad(seed, clients);
    this.#random = seededRandom(seed + 1);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  async stop(): Promise<void> {
    if (!this.#stopping) this.counters.stopped(nowMs());
    this.#stopping = true;
    for (const retry of this.#retries) clearTimeout(retry);
    this.#endIfIdle();
    await this.#idle.promise;
  }

  #tick(): void {
    const now = nowMs();
    const { requestsPerSecond, timeoutMs, maxInFlight } = this.#options;
    for (const [request, sentAtMs] of this.#open) {
      if (now - sentAtMs < timeoutMs) break;
      this.#open.delete(request);
      request.destroy(new Error('timeout'));
    }
    if (this.#stopping) return;
    const behind = this.#due + ((now - this.#lastTickMs) * requestsPerSecond) / 1_000;
    this.#due = Math.min(behind, Math.max(1, (MAX_BEHIND_MS * requestsPerSecond) / 1_000));
    this.#lastTickMs = now;
    while (this.#due >= 1 && this.counters.inFlight < maxInFlight) {
      const step = this.#steps.next().value;
      this.#due -= step.length;
      for (const request of step) this.#send(request, this.#options.maxRetries);
    }
  }

  #send(planned: PlannedRequest, retriesLeft: number): void {
    const { client, content, idempotencyKey } = planned;
    const { journal } = this.#options;
    const sentAtMs = nowMs();
    const n = journal.sent({ client, content, idempotencyKey, sentAtMs });
    this.counters.sent++;
    this.counters.inFlight++;
    const request = (this.#clients[client] as ItemClient).post(content, idempotencyKey, (outcome) => {
      const answeredAtMs = nowMs();
      journal.answered(n, outcome, answeredAtMs);
      this.#open.delete(request);
      this.counters.inFlight--;
      this.counters.note(outcome, sentAtMs, answeredAtMs);
      if (planned.retries && retriesLeft > 0 && mayBeRetried(outcome)) this.#retryLater(planned, retriesLeft - 1);
      this.#endIfIdle();
    });
    this.#open.set(request, sentAtMs);
  }

  #retryLater(planned: PlannedRequest, retriesLeft: number): void {
    if (this.#stopping) return;
    const retry = setTimeout(
      () => {
        this.#retries.delete(retry);
        this.#send(planned, retriesLeft);
      },
      RETRY_AFTER_MS + this.#random() * RETRY_JITTER_MS,
    );
    this.#retries.add(retry);
  }

  #endIfIdle(): void {
    if (!this.#stopping || this.counters.inFlight > 0) return;
    clearInterval(this.#timer);
    for (const client of this.#clients) client.close();
    this.#idle.resolve();
  }
}
