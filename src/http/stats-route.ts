// GET /v1/stats: how many items there were and are.
import type { FastifyInstance } from 'fastify';
import type { ItemCounter } from '../items/ports.ts';

export type StatsDeps = { readonly store: ItemCounter };

/** Registers the route. */
export async function statsRoute(app: FastifyInstance, { store }: StatsDeps): Promise<void> {
  app.get(
    '/v1/stats',
    { config: { scope: 'items:read', statusCodes: [200, 401, 403, 429, 500, 503] } },
    async (_request, reply) => reply.header('cache-control', 'no-store').send(await store.counts()),
  );
}
