// The OpenAPI document: what every address takes and answers, made from the schemas.
import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi';
import { batchResult } from '../schemas/batch.ts';
import { batchOperations } from './batch-operations.ts';
import { itemOperations } from './item-operations.ts';
import { problemResponses, responseOf } from './problem-responses.ts';
import { serviceOperations } from './service-operations.ts';

const DESCRIPTION = `\
Saves every posted content exactly once, and keeps what it acknowledged.

- What is acknowledged with 201, 200 or 409 \`duplicate-item\` stays saved.
- Every error is a problem (RFC 9457) with a stable \`code\`. Its \`type\` is the address of a page that says what to do.
- An answer with \`Retry-After\`, and an answer that never came, may be answered with the same request again: it saves nothing twice.
- HEAD answers like GET, without the body. OPTIONS is answered with 204 and \`Allow\`, every method that an address does not take with 405 and \`Allow\`.
- Every answer has \`X-Request-Id\`.
- Where its operators ask for API keys, all addresses below /v1 take one as \`Authorization: Bearer <key>\`.`;

export type OpenApiDocument = ReturnType<typeof createDocument>;

const KEY = 'apiKey';

/** Adds to whatever is below /v1 that it may ask for a key, and how it refuses who has none. */
function withKeys(paths: ZodOpenApiPathsObject): ZodOpenApiPathsObject {
  const refusals = problemResponses('unauthorized', 'forbidden');
  return Object.fromEntries(
    Object.entries(paths).map(([path, operations]) => [
      path,
      path.startsWith('/v1/')
        ? Object.fromEntries(
            Object.entries(operations).map(([method, operation]) => [
              method,
              { ...operation, security: [{ [KEY]: [] }, {}], responses: { ...refusals, ...operation.responses } },
            ]),
          )
        : operations,
    ]),
  );
}

/** The document of this version of the service, as OpenAPI 3.1. */
export function openApiDocument(version: string): OpenApiDocument {
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Item integration',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Wherever this document was read from.
    servers: [{ url: '/' }],
    tags: [
      { name: 'items', description: 'What third parties use.' },
      { name: 'documents', description: 'What the service says about itself.' },
      { name: 'operation', description: 'What operators use.' },
    ],
    security: [],
    paths: withKeys({ ...itemOperations, ...batchOperations, ...serviceOperations }),
    components: {
      securitySchemes: {
        [KEY]: { type: 'http', scheme: 'bearer', description: 'An API key. Whether one is asked for is a setting.' },
      },
      schemas: { BatchResult: batchResult },
      // Of no operation, because they are answers to what is none.
      responses: { NotFound: responseOf(['not-found']), MethodNotAllowed: responseOf(['method-not-allowed']) },
    },
  });
}
