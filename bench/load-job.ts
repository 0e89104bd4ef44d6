// What a process that makes load is told to do, and what it tells of it.

/** `unique`: every content is new. `half`: every other one was posted before. `hot`: all are the same. */
export type Contents = 'unique' | 'half' | 'hot';

/** What each request is. */
export type Work =
  | { readonly kind: 'save'; readonly contents: Contents; readonly contentBytes: number }
  /** Saves `items` new contents with one request. */
  | { readonly kind: 'batch'; readonly items: number; readonly contentBytes: number }
  /** Reads these addresses one after the other, over and over. */
  | { readonly kind: 'read'; readonly paths: readonly string[] };

export type LoadJob = {
  /** Whom requests are sent to. */
  readonly url: string;
  readonly work: Work;
  /** Each has at most one request under way at any time. */
  readonly connections: number;
  /**
   * Requests that are due in each second, whatever becomes of those before them; latency then counts from when a request
   * was due. Without it every connection sends its next request when the answer to the last one is there.
   */
  readonly perSecond?: number;
  readonly durationMs: number;
  /** Makes the contents of this run differ from those of all others. */
  readonly seed: string;
};

export const PERCENTILES = [5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100] as const;

export type LoadResult = {
  readonly requests: number;
  readonly seconds: number;
  /** How many answers had which status; `error` for those that never came. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Latency in milliseconds at each of `PERCENTILES`. */
  readonly latencyMs: readonly number[];
  /** CPU time that making the load took. */
  readonly cpuSeconds: number;
  /** What happened in each tenth of a second, from the start. */
  readonly timeline: readonly Moment[];
};

export type Moment = {
  /** Answers 201. */
  readonly saved: number;
  /** All other answers, and those that never came. */
  readonly other: number;
  readonly maxLatencyMs: number;
};

export const MOMENT_MS = 100;
