// Asks for API keys: who sends a request, and whether it may do what the address does.
import type { FastifyInstance } from 'fastify';
import type { Scope } from '../access/api-key.ts';
import { ANONYMOUS } from '../access/key-file.ts';
import type { Caller, KeyCheck } from '../access/keyring.ts';
import type { Metrics } from '../observability/metrics.ts';
import { ProblemError } from './problems.ts';

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
};

/**
 * Installs the check; keys of null ask nobody for a key. Before the body is looked at: who is not let in has nothing parsed.
 * Call it behind whatever answers to everybody, such as unknown addresses and preflights.
 */
export function installAuthentication(
  app: FastifyInstance,
  { keys, metrics: { httpAuthentications } }: AuthenticationDeps,
): void {
  app.decorateRequest('caller', null);
  if (keys === null) return;
  app.addHook('onRequest', (request, _reply, done) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined) {
      done();
      return;
    }
    request.caller = keys.callerOf(request.headers.authorization);
    if (request.caller === null) {
      httpAuthentications.inc({ outcome: 'refused' });
      done(new ProblemError('unauthorized', UNAUTHORIZED, { headers: CHALLENGE }));
    } else if (request.caller.scopes.has(scope)) {
      httpAuthentications.inc({ outcome: 'accepted' });
      done();
    } else {
      httpAuthentications.inc({ outcome: 'forbidden' });
      const challenge = `${CHALLENGE['www-authenticate']}, error="insufficient_scope", scope="${scope}"`;
      const headers = { 'www-authenticate': challenge };
      done(new ProblemError('forbidden', `this API key does not have the scope ${scope}`, { headers }));
    }
  });
}

/** What is stored as the source of what a request saves, and what its idempotency keys are bound to. */
export const sourceOf = (caller: Caller | null): string => caller?.client ?? ANONYMOUS;
