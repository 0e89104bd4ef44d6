// The answers that are problems, as the document describes them: by status, each with its codes.
import type { ZodOpenApiResponseObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { z } from 'zod';
import { type ProblemCode, PROBLEMS, RETRYABLE } from '../problems.ts';
import { pascalCase, type ProblemSchema, problemSchemas } from '../schemas/problem.ts';
import { exampleOf } from './examples.ts';
import { type HeaderName, headersOf } from './headers.ts';

/** What any request can come to, here or in nginx before it arrives. */
const ALWAYS = [
  'bad-request',
  'request-timeout',
  'uri-too-long',
  'rate-limited',
  'headers-too-large',
  'internal-error',
  'bad-gateway',
  'overloaded',
  'gateway-timeout',
] as const satisfies readonly ProblemCode[];

/** Codes by status, those that any request can come to included. */
export function problemResponses(...codes: readonly ProblemCode[]): ZodOpenApiResponsesObject {
  const all = new Set<ProblemCode>([...codes, ...ALWAYS]);
  // In the order of the table, so that the same codes make the same answer.
  const ordered = (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => all.has(code));
  return Object.fromEntries(
    [...Map.groupBy(ordered, (code) => PROBLEMS[code].status)].map(([status, same]) => [status, responseOf(same)]),
  );
}

/** One answer for these codes, all of one status. The same codes are the same object, and one component of the document. */
export function responseOf(codes: readonly ProblemCode[]): ZodOpenApiResponseObject {
  const id = codes.map(pascalCase).join('Or');
  const known = responses.get(id);
  if (known !== undefined) return known;
  const { always, sometimes } = headerNames(codes);
  const response: ZodOpenApiResponseObject = {
    id,
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].advice}`).join('\n\n'),
    headers: headersOf(always, sometimes),
    content: {
      'application/problem+json': {
        schema: schemaOf(codes),
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
      },
    },
  };
  responses.set(id, response);
  return response;
}

const responses = new Map<string, ZodOpenApiResponseObject>();

function schemaOf(codes: readonly ProblemCode[]): z.ZodType {
  const [first, ...others] = codes.map((code) => problemSchemas[code]) as [ProblemSchema, ...ProblemSchema[]];
  return others.length === 0 ? first : z.discriminatedUnion('code', [first, ...others]);
}

function headerNames(codes: readonly ProblemCode[]): { always: HeaderName[]; sometimes: HeaderName[] } {
  const always: HeaderName[] = [];
  const sometimes: HeaderName[] = [];
  const add = (name: HeaderName, isMeant: (code: ProblemCode) => boolean): void => {
    if (codes.every(isMeant)) always.push(name);
    else if (codes.some(isMeant)) sometimes.push(name);
  };
  add('Retry-After', (code) => RETRYABLE.has(code));
  add('WWW-Authenticate', (code) => code === 'unauthorized' || code === 'forbidden');
  add('Location', (code) => code === 'duplicate-item');
  add('Allow', (code) => code === 'method-not-allowed');
  add('Cache-Control', (code) => code === 'not-ready');
  return { always, sometimes };
}
