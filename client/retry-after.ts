// Reads the Retry-After header (RFC 9110, section 10.2.3).

/** Milliseconds to wait, from seconds or an HTTP date; null without the header, and for what is neither. */
export function readRetryAfterMs(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  // All three forms of an HTTP date begin with the day's name; Date.parse alone takes nearly anything.
  const atMs = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
