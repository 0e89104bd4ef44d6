// Keeps one client from taking what all others share: so many requests and items a second, and so many requests at a time.
import { setTimeout } from 'node:timers/promises';
import { setMaxListeners } from 'node:events';
import { isIPv6 } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MAX_TRACKED_CLIENTS } from './limits.ts';
import { ProblemError } from './problems.ts';
import { TokenBuckets } from './token-buckets.ts';

export type RateLimitOptions = {
  /** Requests, and items of batches and streams, that one client may send to this instance; null for any number. */
  readonly perSecond: number | null;
  readonly burst: number;
  /** Requests of one client that this instance works on at a time; null for any number. */
  readonly maxConcurrent: number | null;
  /** Monotonic. */
  readonly nowMs: () => number;
};

export class RateLimit {
  readonly #buckets: TokenBuckets | null;
  readonly #maxConcurrent: number;
  readonly #nowMs: () => number;
  readonly #policy: string;
  readonly #running = new Map<string, number>();
  readonly #end = new AbortController();

  constructor({ perSecond, burst, maxConcurrent, nowMs }: RateLimitOptions) {
    this.#buckets = perSecond === null ? null : new TokenBuckets({ perSecond, burst, maxKeys: MAX_TRACKED_CLIENTS });
    this.#maxConcurrent = maxConcurrent ?? Infinity;
    this.#nowMs = nowMs;
    this.#policy = `"default";q=${burst};w=${seconds(this.#buckets?.fillMs ?? 0)}`;
    // One for each line that waits.
    setMaxListeners(0, this.#end.signal);
  }

  /** Lets a request in, or throws `rate-limited`. */
  admit(request: FastifyRequest, reply: FastifyReply): void {
    const key = clientOf(request);
    if (this.#buckets !== null) {
      const { remaining, waitMs } = this.#buckets.take(key, this.#nowMs());
      // draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4.
      const resetSeconds = seconds(waitMs > 0 ? waitMs : this.#buckets.fillMs / this.#buckets.burst);
      void reply.header('ratelimit-policy', this.#policy);
      void reply.header('ratelimit', `"default";r=${remaining};t=${resetSeconds}`);
      if (waitMs > 0) throw tooMany('too many requests and items', resetSeconds);
    }
    if (this.#maxConcurrent < Infinity) this.#enter(key, reply);
  }

  /** Counts an item of a request that was let in, and waits for as long as its client is over its limit. Never rejects. */
  async pace(request: FastifyRequest): Promise<void> {
    const waitMs = this.charge(request);
    if (waitMs <= 0 || this.#end.signal.aborted) return;
    await setTimeout(waitMs, undefined, { signal: this.#end.signal }).catch(() => {});
  }

  /** Counts an item of a request that was let in; the milliseconds for which its client is over its limit. */
  charge(request: FastifyRequest): number {
    return this.#buckets?.charge(clientOf(request), 1, this.#nowMs()) ?? 0;
  }

  /** Nobody waits any more: what was begun is to be answered before the instance stops. */
  release(): void {
    this.#end.abort();
  }

  #enter(key: string, { raw }: FastifyReply): void {
    const running = this.#running.get(key) ?? 0;
    if (running >= this.#maxConcurrent) throw tooMany('too many requests at a time', 1);
    this.#running.set(key, running + 1);
    raw.once('close', () => {
      const left = (this.#running.get(key) ?? 1) - 1;
      if (left === 0) this.#running.delete(key);
      else this.#running.set(key, left);
    });
  }
}

/** Asks before each request that is no probe. Call it behind `installAuthentication`, which tells who sends it. */
export function installRateLimit(app: FastifyInstance, limit: RateLimit | null): void {
  if (limit === null) return;
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.isProbe !== true) limit.admit(request, reply);
    done();
  });
  app.addHook('preClose', (done) => {
    limit.release();
    done();
  });
}

/** Who a request counts for: the client whose key it has, else where it comes from. No client has a colon in its name. */
export function clientOf({ caller, ip }: Pick<FastifyRequest, 'caller' | 'ip'>): string {
  return caller === null ? `ip:${networkOf(ip)}` : caller.client;
}

/** An address, and of one in IPv6 the /64, which is what a single customer has all of. */
export function networkOf(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = ip.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? 0 : tail.split(':').length;
  const zeros = tail === undefined ? 0 : 8 - groups.length - behind;
  const whole = [...groups, ...Array.from({ length: zeros }, () => '0'), ...(tail?.split(':') ?? [])];
  return whole
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':');
}

export function tooMany(what: string, retryAfterSeconds: number): ProblemError {
  return new ProblemError('rate-limited', `${what} from this client`, {
    headers: { 'retry-after': String(retryAfterSeconds) },
  });
}

const seconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));
