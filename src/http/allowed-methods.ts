// Answers a method that an address does not take with 405 and Allow, and OPTIONS with 204 and Allow.
import type { FastifyInstance } from 'fastify';
import { ProblemError } from './problems.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

/** Collects the routes that are registered after it; the function that it returns adds the missing methods to each. */
export function collectAllowedMethods(app: FastifyInstance): () => void {
  const methodsByUrl = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ method, url }) => {
    const methods = methodsByUrl.get(url) ?? new Set(['OPTIONS']);
    for (const name of [method].flat()) methods.add(name);
    methodsByUrl.set(url, methods);
  });
  return () => {
    for (const [url, methods] of methodsByUrl) {
      const allow = [...methods].toSorted().join(', ');
      const others = METHODS.filter((method) => !methods.has(method));
      app.options(url, async (_request, reply) => reply.code(204).header('allow', allow).send());
      app.route({
        url,
        method: others,
        // Before the body is looked at: what was sent along with a wrong method does not matter.
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
