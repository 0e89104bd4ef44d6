// The operations on single items: save, read, list, look up, erase.
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { z } from 'zod';
import { listQuery } from '../schemas/queries.ts';
import type { ProblemCode } from '../problems.ts';
import { item, itemId, itemPage, lookupResult, newItem } from '../schemas/item.ts';
import { lookupMiss } from '../schemas/problem.ts';
import { CURSOR, exampleOf, IDENTITY, ITEM, OTHER_ITEM } from './examples.ts';
import { headersOf, LENIENT, prefer, REQUEST_HEADERS } from './headers.ts';
import { problemResponses } from './problem-responses.ts';

/** What a body can be refused for. */
export const BODY_CODES = [
  'malformed-json',
  'payload-too-large',
  'unsupported-media-type',
  'validation-failed',
] as const satisfies readonly ProblemCode[];
/** What a save can fail for. */
const SAVE_CODES = [
  'store-unavailable',
  'not-replicated',
  'draining',
  'storage-full',
] as const satisfies readonly ProblemCode[];

const { 'X-Request-Id': requestId, 'If-None-Match': ifNoneMatch, 'Idempotency-Key': key } = REQUEST_HEADERS;
const NOT_MODIFIED = {
  description: 'What If-None-Match names is still what is there.',
  headers: headersOf(['ETag', 'Cache-Control']),
};
const POSTED = {
  required: true,
  content: {
    'application/json': {
      schema: newItem,
      examples: { string: { value: { content: ITEM.content } }, json: { value: { content: OTHER_ITEM.content } } },
    },
  },
};

export const itemOperations: ZodOpenApiPathsObject = {
  '/v1/items': {
    post: {
      operationId: 'saveItem',
      tags: ['items'],
      summary: 'Save an item',
      description:
        'The same content is saved once and never again. A 201 and a 409 `duplicate-item` both mean that it is saved, on every replica that could be promoted.',
      requestParams: {
        header: z.object({ 'X-Request-Id': requestId, 'Idempotency-Key': key, Prefer: prefer(LENIENT) }),
      },
      requestBody: POSTED,
      responses: {
        201: {
          description: 'Saved, by this request or by an earlier one with the same Idempotency-Key.',
          headers: headersOf(['Location', 'ETag'], ['Idempotent-Replayed']),
          content: { 'application/json': { schema: item, examples: { saved: { value: ITEM } } } },
        },
        200: {
          description: 'Saved already; the original. Only with `Prefer: handling=lenient`.',
          headers: headersOf(['Location', 'ETag', 'Preference-Applied']),
          content: { 'application/json': { schema: item, examples: { original: { value: ITEM } } } },
        },
        ...problemResponses(
          ...BODY_CODES,
          ...SAVE_CODES,
          'duplicate-item',
          'save-in-progress',
          'idempotency-key-reused',
        ),
      },
    },
    get: {
      operationId: 'listItems',
      tags: ['items'],
      summary: 'List the items',
      description:
        'In the order in which they were saved. Items that are saved meanwhile move nothing: whoever follows the cursors sees each item once.',
      requestParams: {
        query: listQuery,
        header: z.object({ 'X-Request-Id': requestId, 'If-None-Match': ifNoneMatch }),
      },
      responses: {
        200: {
          description: 'A page.',
          headers: headersOf(['ETag', 'Cache-Control'], ['Link']),
          content: {
            'application/json': {
              schema: itemPage,
              examples: {
                first: { value: { items: [ITEM, OTHER_ITEM], nextCursor: CURSOR } },
                last: { value: { items: [OTHER_ITEM], nextCursor: null } },
              },
            },
          },
        },
        304: NOT_MODIFIED,
        ...problemResponses('validation-failed', 'store-unavailable'),
      },
    },
  },
  '/v1/items/{id}': {
    get: {
      operationId: 'getItem',
      tags: ['items'],
      summary: 'Read an item',
      requestParams: {
        path: z.object({ id: itemId }),
        header: z.object({ 'X-Request-Id': requestId, 'If-None-Match': ifNoneMatch }),
      },
      responses: {
        200: {
          description: 'The item.',
          headers: headersOf(['ETag', 'Cache-Control']),
          content: { 'application/json': { schema: item, examples: { item: { value: ITEM } } } },
        },
        304: NOT_MODIFIED,
        ...problemResponses('item-not-found', 'store-unavailable'),
      },
    },
    delete: {
      operationId: 'eraseItem',
      tags: ['items'],
      summary: 'Erase an item',
      description: 'Erases the content and what it is known by, on all replicas. After that it can be saved anew.',
      requestParams: { path: z.object({ id: itemId }), header: z.object({ 'X-Request-Id': requestId }) },
      responses: {
        204: { description: 'Erased.', headers: headersOf([]) },
        ...problemResponses('item-not-found', 'store-unavailable', 'not-replicated', 'draining'),
      },
    },
  },
  '/v1/items/lookup': {
    post: {
      operationId: 'lookUpItem',
      tags: ['items'],
      summary: 'Look up an item by its content',
      description: 'Saves nothing. Both answers say what the service compares: why is this a duplicate, or not?',
      requestParams: { header: z.object({ 'X-Request-Id': requestId }) },
      requestBody: POSTED,
      responses: {
        200: {
          description: 'The item with this content.',
          headers: headersOf([]),
          content: {
            'application/json': { schema: lookupResult, examples: { found: { value: { item: ITEM, ...IDENTITY } } } },
          },
        },
        ...problemResponses(...BODY_CODES, 'store-unavailable'),
        404: {
          description: '`item-not-found`: No item has this content.',
          headers: headersOf([]),
          content: {
            'application/problem+json': {
              schema: lookupMiss,
              examples: {
                missing: {
                  value: exampleOf('item-not-found', {
                    detail: 'no item has this content',
                    instance: '/v1/items/lookup',
                    ...IDENTITY,
                  }),
                },
              },
            },
          },
        },
      },
    },
  },
};
