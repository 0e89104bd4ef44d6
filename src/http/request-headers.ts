// Reads the headers by which a request identifies itself.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ProblemError } from './problems.ts';

// Visible, and safe to repeat in a header, in JSON and in a log line.
const REQUEST_ID = /^[A-Za-z0-9._:+/=@-]{1,128}$/;
const ATTEMPT_ID = /^[A-Za-z0-9-]{1,64}$/;
const MAX_KEY_LENGTH = 255;
const BARE_KEY = /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+$/;
// A String of RFC 9651, section 3.3.3: printable ASCII in double quotes, with \" and \\ as the only escapes.
const QUOTED_KEY = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$/;

/** The caller's X-Request-Id when it is well formed, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** The proxy's X-Attempt-Id, or undefined. To be asked only when the proxy is trusted. */
export function attemptIdOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['x-attempt-id'];
  return typeof given === 'string' && ATTEMPT_ID.test(given) ? given : undefined;
}

/**
 * The Idempotency-Key without its quotes, or undefined without the header. The draft standard says quoted
 * (draft-ietf-httpapi-idempotency-key-header-07), most clients send it bare; both name the same key. Throws a
 * `bad-request` problem for an empty, overlong or unreadable one, because ignoring it would save twice what the client
 * wanted saved once.
 */
export function idempotencyKeyOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['idempotency-key'];
  if (given === undefined) return undefined;
  const text = String(given);
  const key = BARE_KEY.test(text) ? text : QUOTED_KEY.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, '$1');
  if (key === undefined || key.length > MAX_KEY_LENGTH) {
    throw new ProblemError(
      'bad-request',
      `Idempotency-Key must be one key of 1 to ${MAX_KEY_LENGTH} printable ASCII characters, bare or in double quotes`,
    );
  }
  return key;
}
