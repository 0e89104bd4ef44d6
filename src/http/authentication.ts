// Asks for API keys: who sends a request, and whether it may do what the address does.
import type { FastifyInstance } from 'fastify';
import type { Scope } from '../access/api-key.ts';
import { ANONYMOUS } from '../access/key-file.ts';
import type { Caller, KeyCheck } from '../access/keyring.ts';
import type { AuditLog } from '../observability/audit-log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { audit } from './audit.ts';
import { MAX_TRACKED_CLIENTS, WRONG_KEYS_BURST, WRONG_KEYS_PER_SECOND } from './limits.ts';
import { ProblemError } from './problems.ts';
import { networkOf, tooMany } from './rate-limit.ts';
import { TokenBuckets } from './token-buckets.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key came with the request; null where no key is asked for. */
    caller: Caller | null;
  }
  interface FastifyContextConfig {
    /** What a key must allow. Addresses without it are open to everybody. */
    scope?: Scope;
  }
}

// The same whatever is wrong with the key (RFC 6750, section 3, says no more to a request without one, either).
const CHALLENGE = { 'www-authenticate': 'Bearer realm="items"' };
const UNAUTHORIZED = 'a valid API key is needed: Authorization: Bearer <key>';

export type AuthenticationDeps = {
  readonly keys: Pick<KeyCheck, 'callerOf'> | null;
  readonly metrics: Pick<Metrics, 'httpAuthentications'>;
  /** Null where none is kept. */
  readonly auditLog: AuditLog | null;
  /** Monotonic. */
  readonly nowMs: () => number;
};

/**
 * Installs the check; keys of null ask nobody for a key. Before the body is looked at: who is not let in has nothing parsed.
 * Call it behind whatever answers to everybody, such as unknown addresses and preflights.
 */
export function installAuthentication(
  app: FastifyInstance,
  { keys, metrics: { httpAuthentications }, nowMs, auditLog }: AuthenticationDeps,
): void {
  app.decorateRequest('caller', null);
  if (keys === null) return;
  const wrongKeys = new TokenBuckets({
    perSecond: WRONG_KEYS_PER_SECOND,
    burst: WRONG_KEYS_BURST,
    maxKeys: MAX_TRACKED_CLIENTS,
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined) {
      done();
      return;
    }
    request.caller = keys.callerOf(request.headers.authorization);
    if (request.caller === null) {
      httpAuthentications.inc({ outcome: 'refused' });
      // Behind the check and not before it: else whoever shares an address could lock the others out. A hash takes 1 µs.
      const { waitMs } = wrongKeys.take(networkOf(request.ip), nowMs());
      if (waitMs > 0) {
        // Not audited: whoever comes so fast would fill the disk.
        done(tooMany('too many requests without a valid API key', Math.ceil(waitMs / 1_000)));
      } else {
        audit(auditLog, request, { event: 'authentication', outcome: 'refused' });
        done(new ProblemError('unauthorized', UNAUTHORIZED, { headers: CHALLENGE }));
      }
    } else if (request.caller.scopes.has(scope)) {
      httpAuthentications.inc({ outcome: 'accepted' });
      done();
    } else {
      httpAuthentications.inc({ outcome: 'forbidden' });
      audit(auditLog, request, { event: 'authentication', outcome: 'forbidden' });
      const challenge = `${CHALLENGE['www-authenticate']}, error="insufficient_scope", scope="${scope}"`;
      const headers = { 'www-authenticate': challenge };
      done(new ProblemError('forbidden', `this API key does not have the scope ${scope}`, { headers }));
    }
  });
}

/** What is stored as the source of what a request saves, and what its idempotency keys are bound to. */
export const sourceOf = (caller: Caller | null): string => caller?.client ?? ANONYMOUS;
