// POST /v1/items/lookup: tells whether a content is saved, and what it is compared by.
import { hash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { contentKey } from '../items/content.ts';
import type { ItemStore } from '../items/ports.ts';
import { readContent } from './item-body.ts';
import { ProblemError } from './problems.ts';

export type LookupDeps = { readonly store: Pick<ItemStore, 'lookup'> };

/**
 * Registers the route. Both answers tell the canonical form and its SHA-256, so that whoever expected another answer can
 * compare them with what they saved.
 */
export async function lookupRoute(app: FastifyInstance, { store }: LookupDeps): Promise<void> {
  app.post<{ Body: string | undefined }>(
    '/v1/items/lookup',
    { config: { scope: 'items:read', statusCodes: [200, 400, 401, 403, 404, 413, 415, 422, 429, 500, 503] } },
    async (request) => {
      const content = readContent(request.body);
      const compared = { kind: content.kind, canonical: content.text, sha256: hash('sha256', content.text) };
      const item = await store.lookup(contentKey(content));
      if (item === null) {
        throw new ProblemError('item-not-found', 'no item has this content', { members: compared });
      }
      return { item, ...compared };
    },
  );
}
