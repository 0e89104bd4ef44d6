// Refuses requests under names that are not ours: a page of another site can have its own name lead to this machine.
import { isIP } from 'node:net';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from './problems.ts';

/** Names that nobody can register, so that nobody outside decides where they lead (RFC 6761, 6762; `internal` by ICANN; `svc` is Kubernetes'). */
const PRIVATE_ENDINGS = ['localhost', 'local', 'internal', 'test', 'svc'];
const HOST = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::\d*)?$/i;

/**
 * Whether a browser that sends this Host cannot have been led here by a name of somebody else's (DNS rebinding): it is an
 * address, a name without a dot or with a private ending, or one of `allowed`, which are in lower case; `*` is all.
 */
export function isKnownHost(host: string, allowed: readonly string[]): boolean {
  if (allowed.includes('*')) return true;
  const parts = HOST.exec(host);
  if (parts === null) return false;
  const [, address, text = ''] = parts;
  if (address !== undefined) return isIP(address) === 6;
  const name = text.toLowerCase().replace(/\.$/, '');
  if (isIP(name) === 4 || !name.includes('.') || allowed.includes(name)) return true;
  return PRIVATE_ENDINGS.some((ending) => name.endsWith(`.${ending}`));
}

/**
 * Installs the check for all that is registered in `app` from now on. For what is open to whoever reaches it: to a browser
 * such a page would be of the same site as we are, and could read every answer. A key stops it, because no browser sends
 * one by itself.
 */
export function refuseUnknownHosts(app: FastifyInstance, allowed: readonly string[]): void {
  app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const host = hostIn(headers);
    if (host === undefined || isKnownHost(host, allowed)) return done();
    done(
      new ProblemError('bad-request', 'no such host is served here; ALLOWED_HOSTS is the setting that names others'),
    );
  });
}

/** Over HTTP/2 it is in `:authority`. Without one there is no browser: each sends it. */
const hostIn = (headers: IncomingHttpHeaders): string | undefined => headers.host ?? headers[':authority']?.toString();
