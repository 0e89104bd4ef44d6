// GET /v1/items/{id} and GET /v1/items: reads items, one or a page.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { parseItemId } from '../items/item.ts';
import { decodeCursor, encodeCursor, MAX_CURSOR_LENGTH } from '../items/list-cursor.ts';
import type { ItemStore, ListCursor, ListOrder } from '../items/ports.ts';
import { etagOf, matches } from './item-links.ts';
import { ProblemError } from './problems.ts';
import { parseQuery } from './validation.ts';

export type ReadDeps = {
  readonly store: Pick<ItemStore, 'find' | 'list'>;
  readonly partitions: number;
};

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;

/** The query of a listing. */
export const listQuery = z.strictObject({
  limit: z
    .string(`must be a whole number from 1 to ${MAX_LIMIT}, given once`)
    .regex(/^[1-9]\d{0,3}$/, `must be a whole number from 1 to ${MAX_LIMIT}`)
    .transform(Number)
    .refine((limit) => limit <= MAX_LIMIT, `must be a whole number from 1 to ${MAX_LIMIT}`)
    .default(DEFAULT_LIMIT),
  cursor: z.string('must be given once').max(MAX_CURSOR_LENGTH, 'is not a cursor of this service').optional(),
  order: z.enum(['asc', 'desc'], 'must be asc or desc').optional(),
});

/** Registers the routes. */
export async function readRoutes(app: FastifyInstance, { store, partitions }: ReadDeps): Promise<void> {
  app.get<{ Params: { id: string } }>(
    '/v1/items/:id',
    { config: { statusCodes: [200, 304, 404, 500, 503] } },
    async (request, reply) => {
      const position = parseItemId(request.params.id);
      const item = position && (await store.find(position));
      if (item === null) throw new ProblemError('item-not-found', 'no item has this id');
      const etag = etagOf(item);
      void reply.header('etag', etag);
      if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
      return item;
    },
  );

  app.get('/v1/items', { config: { statusCodes: [200, 422, 500, 503] } }, async (request, reply) => {
    const { limit, cursor, order } = parseQuery(listQuery, request.query);
    const page = await store.list(startOf(cursor, order, partitions), limit);
    const nextCursor = page.next === null ? null : encodeCursor(page.next);
    if (nextCursor !== null) {
      void reply.header('link', `</v1/items?limit=${limit}&cursor=${nextCursor}>; rel="next"`);
    }
    return { items: page.items, nextCursor };
  });
}

function startOf(cursor: string | undefined, order: ListOrder | undefined, partitions: number): ListCursor | ListOrder {
  if (cursor === undefined) return order ?? 'asc';
  const from = decodeCursor(cursor, partitions);
  if (from !== null && (order === undefined || order === from.order)) return from;
  const detail = from === null ? 'is not a cursor of this service' : 'is a cursor of the other order';
  throw new ProblemError('validation-failed', 'the cursor cannot be used', {
    errors: [{ parameter: 'cursor', detail }],
  });
}
