// Whether this process should get traffic.

export type ReadinessReport = {
  readonly status: 'ready' | 'starting' | 'draining' | 'store-unreachable';
  readonly storeReachable: boolean;
};

/**
 * Starting until `started`, draining from `drain` on, and in between ready unless the store has been out of reach for
 * longer than a failover takes: during one, this instance is the one that should answer 503 with Retry-After, and taking
 * all instances out of traffic would only hide that.
 */
export class Readiness {
  readonly #toleranceMs: number;
  readonly #nowMs: () => number;
  #phase: 'starting' | 'running' | 'draining' = 'starting';
  #storeSeenMs = Number.NEGATIVE_INFINITY;
  #storeReachable = false;

  constructor(toleranceMs: number, nowMs: () => number = () => performance.now()) {
    this.#toleranceMs = toleranceMs;
    this.#nowMs = nowMs;
  }

  started(): void {
    if (this.#phase === 'starting') this.#phase = 'running';
  }

  drain(): void {
    this.#phase = 'draining';
  }

  get isDraining(): boolean {
    return this.#phase === 'draining';
  }

  /** Tells whether the store answered just now. */
  storeAnswered(reachable: boolean): void {
    this.#storeReachable = reachable;
    if (reachable) this.#storeSeenMs = this.#nowMs();
  }

  report(): ReadinessReport {
    const storeReachable = this.#storeReachable;
    if (this.#phase !== 'running') return { status: this.#phase, storeReachable };
    const lost = this.#nowMs() - this.#storeSeenMs > this.#toleranceMs;
    return { status: lost ? 'store-unreachable' : 'ready', storeReachable };
  }
}
