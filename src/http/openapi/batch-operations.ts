// The operations on many items at a time: batches, the feed, the totals.
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { z } from 'zod';
import { batchAnswer, batchBody } from '../schemas/batch.ts';
import { stats } from '../schemas/item.ts';
import { batchQuery, feedQuery } from '../schemas/queries.ts';
import { CURSOR, ITEM, OTHER_ITEM } from './examples.ts';
import { headersOf, LENIENT, MINIMAL, prefer, REQUEST_HEADERS } from './headers.ts';
import { BODY_CODES } from './item-operations.ts';
import { problemResponses } from './problem-responses.ts';

const { 'X-Request-Id': requestId, 'Idempotency-Key': key, 'Last-Event-ID': lastEventId } = REQUEST_HEADERS;

const SAVED = { status: 201, item: ITEM };
const DUPLICATE = { status: 409, code: 'duplicate-item', item: OTHER_ITEM };
const FAILED = {
  status: 422,
  code: 'validation-failed',
  detail: 'the item does not have the form that is asked for',
  errors: [{ pointer: '/content', detail: 'must not be empty' }],
};
const lines = (...values: readonly object[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');
const NDJSON = z.string().meta({ description: 'One JSON value a line. Line feeds end lines.' });

export const batchOperations: ZodOpenApiPathsObject = {
  '/v1/items/batch': {
    post: {
      operationId: 'saveItems',
      tags: ['items'],
      summary: 'Save many items',
      description: [
        'Each item is judged by itself; the results are in the order of the request, and a content that comes twice is saved once.',
        'As `application/json`: up to 1,000 items, one answer.',
        'As `application/x-ndjson`: any number, one `NewItem` a line. The answer begins at once and has one `BatchResult` a line; whoever does not read it is not read from. ' +
          'A line that is too long, or that cannot be read, fails alone. An answer without its end was cut off: send the rest, or all of it, again with the same `Idempotency-Key`.',
      ].join('\n\n'),
      requestParams: {
        query: batchQuery,
        header: z.object({ 'X-Request-Id': requestId, 'Idempotency-Key': key, Prefer: prefer(LENIENT, MINIMAL) }),
      },
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: batchBody,
            examples: { two: { value: { items: [{ content: ITEM.content }, { content: OTHER_ITEM.content }] } } },
          },
          'application/x-ndjson': {
            schema: NDJSON,
            examples: { two: { value: lines({ content: ITEM.content }, { content: OTHER_ITEM.content }) } },
          },
        },
      },
      responses: {
        200: {
          description:
            'Every item is saved, replayed or a duplicate. Lines are answered with 200 whatever they come to.',
          headers: headersOf([], ['Preference-Applied']),
          content: {
            'application/json': {
              schema: batchAnswer,
              examples: {
                saved: { value: { results: [SAVED, DUPLICATE], saved: 1, replayed: 0, duplicates: 1, failed: 0 } },
                minimal: {
                  value: { results: [{ status: 201, id: ITEM.id }], saved: 1, replayed: 0, duplicates: 0, failed: 0 },
                },
              },
            },
            'application/x-ndjson': {
              schema: NDJSON,
              examples: { mixed: { value: lines(SAVED, { ...SAVED, replayed: true }, DUPLICATE, FAILED) } },
            },
          },
        },
        207: {
          description: 'At least one item failed.',
          headers: headersOf([], ['Preference-Applied']),
          content: {
            'application/json': {
              schema: batchAnswer,
              examples: {
                failed: { value: { results: [SAVED, FAILED], saved: 1, replayed: 0, duplicates: 0, failed: 1 } },
              },
            },
          },
        },
        ...problemResponses(...BODY_CODES, 'draining'),
      },
    },
  },
  '/v1/items/feed': {
    get: {
      operationId: 'followItems',
      tags: ['items'],
      summary: 'Follow the items as they are saved',
      description:
        'Server-sent events: each item once, acknowledged ones only, in order within a partition. `id` is a position to go on from, `data` an `Item`. A comment every 15 seconds keeps the connection open. Erased items are absent.',
      requestParams: {
        query: feedQuery,
        header: z.object({ 'X-Request-Id': requestId, 'Last-Event-ID': lastEventId }),
      },
      responses: {
        200: {
          description: 'The feed. It ends when the client leaves, or when the instance stops.',
          headers: headersOf([], ['Cache-Control']),
          content: {
            'text/event-stream': {
              schema: z.string(),
              examples: {
                event: {
                  value: `retry: 1000\n\nid: ${CURSOR}\nevent: item\ndata: ${JSON.stringify(ITEM)}\n\n: heartbeat\n\n`,
                },
              },
            },
          },
        },
        ...problemResponses('validation-failed', 'store-unavailable', 'draining'),
      },
    },
  },
  '/v1/stats': {
    get: {
      operationId: 'getStats',
      tags: ['items'],
      summary: 'Read the totals',
      requestParams: { header: z.object({ 'X-Request-Id': requestId }) },
      responses: {
        200: {
          description: 'Totals since the beginning.',
          headers: headersOf([], ['Cache-Control', 'ETag']),
          content: {
            'application/json': {
              schema: stats,
              examples: { stats: { value: { saved: 120, duplicates: 480, replayed: 3, deleted: 2, stored: 118 } } },
            },
          },
        },
        ...problemResponses('store-unavailable'),
      },
    },
  },
};
