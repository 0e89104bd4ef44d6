// The routes of items: post one, get one, list them.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { contentFault, contentKey } from '../items/content.ts';
import { type Item, parseItemId } from '../items/item.ts';
import { decodeCursor, encodeCursor, MAX_CURSOR_LENGTH } from '../items/list-cursor.ts';
import type { SaveOutcome, SaveRequest } from '../items/pending-save.ts';
import type { ItemStore } from '../items/ports.ts';
import { requestToken } from '../items/request-token.ts';
import type { Metrics, SaveMetricOutcome } from '../observability/metrics.ts';
import { ProblemError } from './problems.ts';
import { attemptIdOf, idempotencyKeyOf } from './request-headers.ts';
import { parseBody, parseQuery } from './validation.ts';

export type ItemsRoutesOptions = {
  readonly save: (request: SaveRequest) => Promise<SaveOutcome>;
  readonly store: Pick<ItemStore, 'find' | 'list'>;
  readonly metrics: Metrics;
  readonly partitions: number;
  readonly saveDeadlineMs: number;
  readonly isTrustedProxy: (address: string | undefined) => boolean;
  /** Monotonic. */
  readonly nowMs: () => number;
};

/** Without API keys everybody is the same source. */
const SOURCE = 'anonymous';
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;

const itemBody = z.strictObject(
  {
    content: z.string('must be a string').check((context) => {
      const fault = contentFault(context.value);
      if (fault !== null) context.issues.push({ code: 'custom', message: fault, input: '' });
    }),
  },
  'must be an object with the member content',
);

const listQuery = z.strictObject({
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
export async function itemsRoutes(app: FastifyInstance, options: ItemsRoutesOptions): Promise<void> {
  const { store, metrics } = options;

  app.post(
    '/v1/items',
    {
      config: { statusCodes: [201, 400, 409, 413, 415, 422, 500, 503, 507] },
      errorHandler(error, request) {
        // Whatever goes wrong before there is a save is wrong with the request.
        if (request.saveLog === null) {
          request.saveLog = { outcome: 'invalid' };
          metrics.itemSaves.inc({ outcome: 'invalid', mode: 'single' });
        }
        throw error;
      },
    },
    async (request, reply) => {
      const saveRequest = readSaveRequest(request, options);
      const startedMs = options.nowMs();
      let outcome: SaveMetricOutcome = 'failed';
      try {
        const result = await options.save(saveRequest);
        outcome = result.kind === 'key_reused' ? 'rejected' : result.kind;
        return answerSave(result, reply);
      } finally {
        request.saveLog = { outcome, digest: saveRequest.key.hex };
        metrics.itemSaves.inc({ outcome, mode: 'single' });
        metrics.itemSaveDuration.observe({ outcome }, (options.nowMs() - startedMs) / 1_000);
      }
    },
  );

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
    const from = cursor === undefined ? (order ?? 'asc') : decodeCursor(cursor, options.partitions);
    if (from === null || (typeof from !== 'string' && order !== undefined && order !== from.order)) {
      const detail = from === null ? 'is not a cursor of this service' : 'is a cursor of the other order';
      throw new ProblemError('validation-failed', 'the cursor cannot be used', {
        errors: [{ parameter: 'cursor', detail }],
      });
    }
    const page = await store.list(from, limit);
    const nextCursor = page.next === null ? null : encodeCursor(page.next);
    if (nextCursor !== null) {
      void reply.header('link', `</v1/items?limit=${limit}&cursor=${nextCursor}>; rel="next"`);
    }
    return { items: page.items, nextCursor };
  });
}

function readSaveRequest(request: FastifyRequest, options: ItemsRoutesOptions): SaveRequest {
  const idempotencyKey = idempotencyKeyOf(request.headers);
  const { content: text } = parseBody(itemBody, request.body);
  const content = { kind: 'string', text } as const;
  const attemptId = options.isTrustedProxy(request.socket.remoteAddress) ? attemptIdOf(request.headers) : undefined;
  return {
    key: contentKey(content),
    content,
    source: SOURCE,
    token: requestToken({ source: SOURCE, idempotencyKey, attemptId }),
    tokenIsIdempotencyKey: idempotencyKey !== undefined,
    deadlineMs: options.nowMs() + options.saveDeadlineMs,
  };
}

function answerSave(outcome: SaveOutcome, reply: FastifyReply): FastifyReply {
  switch (outcome.kind) {
    case 'saved':
    case 'replayed': {
      const { item } = outcome;
      if (outcome.kind === 'replayed') void reply.header('idempotent-replayed', 'true');
      return reply
        .code(201)
        .headers({ location: pathOf(item), etag: etagOf(item) })
        .send(item);
    }
    case 'duplicate': {
      const { item } = outcome;
      throw new ProblemError('duplicate-item', 'this content is saved already', {
        headers: { location: pathOf(item) },
        members: { item },
      });
    }
    case 'in_progress':
      throw new ProblemError('save-in-progress', 'another request is saving this content');
    case 'key_reused':
      throw new ProblemError('idempotency-key-reused', 'this Idempotency-Key was used for another content');
  }
}

const pathOf = (item: Item): string => `/v1/items/${item.id}`;

/** An item never changes, so its id is a strong validator. */
const etagOf = (item: Item): string => `"${item.id}"`;

/** RFC 9110, section 13.1.2: a weak comparison with each member of the list. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((part) => part.trim() === '*' || part.trim().replace(/^W\//, '') === etag);
}
