// DELETE /v1/items/{id}: erases one item.
import type { FastifyInstance } from 'fastify';
import { parseItemId } from '../items/item.ts';
import type { ItemErasure } from '../items/ports.ts';
import type { EraseMetricOutcome, Metrics } from '../observability/metrics.ts';
import { ProblemError } from './problems.ts';

export type EraseDeps = { readonly erasure: ItemErasure; readonly metrics: Metrics };

/** Registers the route. */
export async function eraseRoute(app: FastifyInstance, { erasure, metrics }: EraseDeps): Promise<void> {
  app.delete<{ Params: { id: string } }>(
    '/v1/items/:id',
    { config: { scope: 'items:delete', statusCodes: [204, 401, 403, 404, 429, 500, 503] } },
    async (request, reply) => {
      let outcome: EraseMetricOutcome = 'failed';
      try {
        const position = parseItemId(request.params.id);
        outcome = position === null ? 'absent' : await erasure.erase(position);
      } finally {
        metrics.itemErasures.inc({ outcome });
      }
      if (outcome === 'absent') throw new ProblemError('item-not-found', 'no item has this id');
      return reply.code(204).send();
    },
  );
}
