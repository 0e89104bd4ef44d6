// DELETE /v1/items/{id}: erases one item.
import type { FastifyInstance } from 'fastify';
import { formatItemId, parseItemId } from '../items/item.ts';
import type { ItemErasure } from '../items/ports.ts';
import type { AuditLog } from '../observability/audit-log.ts';
import type { EraseMetricOutcome, Metrics } from '../observability/metrics.ts';
import { audit } from './audit.ts';
import { ProblemError } from './problems.ts';

export type EraseDeps = {
  readonly erasure: ItemErasure;
  readonly metrics: Metrics;
  /** Null where none is kept. */
  readonly auditLog: AuditLog | null;
};

/** Registers the route. */
export async function eraseRoute(app: FastifyInstance, { erasure, metrics, auditLog }: EraseDeps): Promise<void> {
  app.delete<{ Params: { id: string } }>(
    '/v1/items/:id',
    { config: { scope: 'items:delete', statusCodes: [204, 401, 403, 404, 429, 500, 503] } },
    async (request, reply) => {
      let outcome: EraseMetricOutcome = 'failed';
      const position = parseItemId(request.params.id);
      try {
        outcome = position === null ? 'absent' : await erasure.erase(position);
      } finally {
        metrics.itemErasures.inc({ outcome });
        // What is no id is the client's own text.
        audit(auditLog, request, {
          event: 'erase',
          outcome,
          itemId: position === null ? undefined : formatItemId(position),
        });
      }
      if (outcome === 'absent') throw new ProblemError('item-not-found', 'no item has this id');
      return reply.code(204).send();
    },
  );
}
