// The operations that say something about the service: this document, its page, the problems, probes and metrics.
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';
import { z } from 'zod';
import { problemCodes } from '../schemas/problem.ts';
import { headersOf, REQUEST_HEADERS } from './headers.ts';
import { problemResponses } from './problem-responses.ts';

const { 'X-Request-Id': requestId, 'If-None-Match': ifNoneMatch } = REQUEST_HEADERS;
const CACHED = headersOf(['ETag']);
const NOT_MODIFIED = { description: 'What If-None-Match names is still what is there.', headers: CACHED };

/** A page for people. */
const page = (operationId: string, summary: string, path?: z.ZodObject): ZodOpenApiOperationObject => ({
  operationId,
  tags: ['documents'],
  summary,
  requestParams: {
    ...(path && { path }),
    header: z.object({ 'X-Request-Id': requestId, 'If-None-Match': ifNoneMatch }),
  },
  responses: {
    200: {
      description: 'A page.',
      headers: CACHED,
      content: { 'text/html': { schema: z.string(), examples: { page: { value: '<!doctype html>…' } } } },
    },
    304: NOT_MODIFIED,
    ...(path ? problemResponses('not-found') : problemResponses()),
  },
});

const probe = { requestParams: { header: z.object({ 'X-Request-Id': requestId }) }, tags: ['operation'] };

export const serviceOperations: ZodOpenApiPathsObject = {
  '/openapi.json': {
    get: {
      ...page('getOpenApi', 'This document'),
      responses: {
        200: {
          description: 'OpenAPI 3.1.',
          headers: CACHED,
          content: {
            'application/json': {
              schema: z.looseObject({ openapi: z.string(), info: z.looseObject({}), paths: z.looseObject({}) }),
              examples: { document: { value: { openapi: '3.1.1', info: {}, paths: {} } } },
            },
          },
        },
        304: NOT_MODIFIED,
        ...problemResponses(),
      },
    },
  },
  '/docs': { get: page('getDocs', 'This document as a page') },
  '/problems': { get: page('listProblems', 'All problems as a page') },
  '/problems/{slug}': {
    get: page('getProblem', 'What a problem means', z.object({ slug: z.enum(problemCodes) })),
  },
  '/livez': {
    get: {
      ...probe,
      operationId: 'getLiveness',
      summary: 'Whether the process is alive',
      responses: {
        200: {
          description: 'It is. Redis is not asked.',
          headers: headersOf(['Cache-Control']),
          content: {
            'application/json': {
              schema: z.strictObject({ status: z.literal('alive') }),
              examples: { alive: { value: { status: 'alive' } } },
            },
          },
        },
        ...problemResponses(),
      },
    },
  },
  '/readyz': {
    get: {
      ...probe,
      operationId: 'getReadiness',
      summary: 'Whether the instance takes traffic',
      responses: {
        200: {
          description: 'It does.',
          headers: headersOf(['Cache-Control']),
          content: {
            'application/json': {
              schema: z.strictObject({ status: z.literal('ready'), storeReachable: z.boolean() }),
              examples: { ready: { value: { status: 'ready', storeReachable: true } } },
            },
          },
        },
        ...problemResponses('not-ready'),
      },
    },
  },
  '/metrics': {
    get: {
      ...probe,
      operationId: 'getMetrics',
      summary: 'Numbers for Prometheus',
      description: 'Not through nginx, and with `METRICS_PORT` on a port of its own.',
      responses: {
        200: {
          description: 'The text format of Prometheus.',
          headers: headersOf([]),
          content: {
            'text/plain': {
              schema: z.string(),
              examples: { counter: { value: 'item_saves_total{outcome="saved",mode="single"} 120\n' } },
            },
          },
        },
        ...problemResponses('not-found'),
      },
    },
  },
};
