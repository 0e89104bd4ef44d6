// Answers a method that an address does not take with 405 and Allow, and OPTIONS with 204 and Allow.
import { METHODS } from 'node:http';
import type { FastifyInstance, HTTPMethods } from 'fastify';
import { ProblemError } from './problems.ts';

/** Collects the routes that are registered after it; the function that it returns adds the missing methods to each. */
export function collectAllowedMethods(app: FastifyInstance): () => void {
  // All that Node can parse, but CONNECT, which never arrives as a request: it asks for a tunnel, not for an address.
  const known = METHODS.filter((method) => method !== 'CONNECT') as HTTPMethods[];
  for (const method of known) if (!app.supportedMethods.includes(method)) app.addHttpMethod(method);
  const methodsByUrl = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ method, url }) => {
    const methods = methodsByUrl.get(url) ?? new Set(['OPTIONS']);
    for (const name of [method].flat()) methods.add(name);
    methodsByUrl.set(url, methods);
  });
  return () => {
    for (const [url, methods] of methodsByUrl) {
      const allow = [...methods].toSorted().join(', ');
      const others = known.filter((method) => !methods.has(method));
      // Both answer before the body is looked at: what was sent along does not matter.
      app.route({
        url,
        method: 'OPTIONS',
        config: { statusCodes: [204] },
        onRequest: async (_request, reply) => reply.code(204).header('allow', allow).send(),
        handler: async () => {},
      });
      app.route({
        url,
        method: others,
        config: { statusCodes: [405] },
        onRequest: async (request) => {
          throw new ProblemError('method-not-allowed', `this address takes ${allow}, not ${request.method}`, {
            headers: { allow },
          });
        },
        handler: async () => {},
      });
    }
  };
}
