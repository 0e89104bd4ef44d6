// GET /v1/items/{id} and GET /v1/items: reads items, one or a page.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { parseItemId } from '../items/item.ts';
import { decodeCursor, encodeCursor } from '../items/list-cursor.ts';
import type { ItemStore, ListCursor, ListOrder } from '../items/ports.ts';
import { NO_CACHE, sendUnlessKnown, strongEtag } from './conditional.ts';
import { etagOf } from './item-links.ts';
import { MAX_PAGES_BYTES, PAGE_TIMEOUT_MS } from './limits.ts';
import { MemoryShare } from './memory-share.ts';
import { ProblemError } from './problems.ts';
import { listQuery } from './schemas/queries.ts';
import { parseQuery } from './validation.ts';

export type ReadDeps = {
  readonly store: Pick<ItemStore, 'find' | 'list'>;
  readonly partitions: number;
};

/** Registers the routes. */
export async function readRoutes(app: FastifyInstance, { store, partitions }: ReadDeps): Promise<void> {
  app.get<{ Params: { id: string } }>(
    '/v1/items/:id',
    { config: { scope: 'items:read', statusCodes: [200, 304, 401, 403, 404, 429, 500, 503] } },
    async (request, reply) => {
      const position = parseItemId(request.params.id);
      const item = position && (await store.find(position));
      if (item === null) throw new ProblemError('item-not-found', 'no item has this id');
      return sendUnlessKnown(request, reply.header('cache-control', NO_CACHE), etagOf(item), item);
    },
  );

  const pages = new MemoryShare(MAX_PAGES_BYTES);
  app.get(
    '/v1/items',
    { config: { scope: 'items:read', statusCodes: [200, 304, 401, 403, 422, 429, 500, 503] } },
    async (request, reply) => {
      const { limit, cursor, order } = parseQuery(listQuery, request.query);
      pages.refuseWhenFull();
      // A client may ask and hang up, thousands of times a second over HTTP/2; its pages would be read for nobody.
      const isWanted = (): boolean => !reply.raw.destroyed;
      const page = await store.list(startOf(cursor, order, partitions), limit, isWanted);
      const nextCursor = page.next === null ? null : encodeCursor(page.next);
      if (nextCursor !== null) {
        void reply.header('link', `</v1/items?limit=${limit}&cursor=${nextCursor}>; rel="next"`);
      }
      const body = JSON.stringify({ items: page.items, nextCursor });
      if (body.length > SMALL_PAGE_LENGTH) boundPage(pages, body, reply);
      void reply.type('application/json; charset=utf-8').header('cache-control', NO_CACHE);
      return sendUnlessKnown(request, reply, strongEtag(body), body);
    },
  );
}

/** Fits into the buffers of the connection, and is gone from here whether its reader reads or not. */
const SMALL_PAGE_LENGTH = 65_536;

function boundPage(pages: MemoryShare, body: string, { raw }: FastifyReply): void {
  pages.hold(body.length, raw);
  const timer = setTimeout(() => raw.destroy(), PAGE_TIMEOUT_MS).unref();
  raw.once('close', () => clearTimeout(timer));
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
