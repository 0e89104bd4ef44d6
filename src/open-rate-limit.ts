// Makes the limits of clients out of the settings.
import type { Config } from './config.ts';
import { RateLimit } from './http/rate-limit.ts';

type Settings = Pick<Config, 'RATE_LIMIT_PER_SECOND' | 'RATE_LIMIT_BURST' | 'MAX_REQUESTS_PER_CLIENT'>;

/** The limits, or null where none is set. `nowMs` is monotonic. */
export function openRateLimit(settings: Settings, nowMs: () => number): RateLimit | null {
  const { RATE_LIMIT_PER_SECOND: perSecond = null, MAX_REQUESTS_PER_CLIENT: maxConcurrent = null } = settings;
  if (perSecond === null && maxConcurrent === null) return null;
  return new RateLimit({ perSecond, burst: settings.RATE_LIMIT_BURST ?? 2 * (perSecond ?? 1), maxConcurrent, nowMs });
}
