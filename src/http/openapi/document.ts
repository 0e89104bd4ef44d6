// The OpenAPI document: what every address takes and answers, made from the schemas.
import { createDocument } from 'zod-openapi';
import { batchResult } from '../schemas/batch.ts';
import { batchOperations } from './batch-operations.ts';
import { itemOperations } from './item-operations.ts';
import { responseOf } from './problem-responses.ts';
import { serviceOperations } from './service-operations.ts';

const DESCRIPTION = `\
Saves every posted content exactly once, and keeps what it acknowledged.

- What is acknowledged with 201, 200 or 409 \`duplicate-item\` stays saved.
- Every error is a problem (RFC 9457) with a stable \`code\`. Its \`type\` is the address of a page that says what to do.
- An answer with \`Retry-After\`, and an answer that never came, may be answered with the same request again: it saves nothing twice.
- HEAD answers like GET, without the body. OPTIONS is answered with 204 and \`Allow\`, every method that an address does not take with 405 and \`Allow\`.
- Every answer has \`X-Request-Id\`.`;

export type OpenApiDocument = ReturnType<typeof createDocument>;

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
    paths: { ...itemOperations, ...batchOperations, ...serviceOperations },
    components: {
      schemas: { BatchResult: batchResult },
      // Of no operation, because they are answers to what is none.
      responses: { NotFound: responseOf(['not-found']), MethodNotAllowed: responseOf(['method-not-allowed']) },
    },
  });
}
