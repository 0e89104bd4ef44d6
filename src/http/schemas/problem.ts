// The schemas of the problems, one for each code, made from the table that the service answers from.
import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../problems.ts';
import { contentIdentity, item } from './item.ts';

export const problemCodes = Object.keys(PROBLEMS) as ProblemCode[];

export const problemDetail = z
  .strictObject({
    detail: z.string().min(1),
    pointer: z.string().meta({ description: 'JSON pointer (RFC 6901) into the body.' }).optional(),
    parameter: z.string().meta({ description: 'Name of a query parameter or of a header.' }).optional(),
  })
  .meta({ id: 'ProblemDetail', description: 'One thing that is wrong with a request.' });

/** The members that some problems have beyond those of all. */
const MEMBERS: Partial<Record<ProblemCode, z.core.$ZodShape>> = {
  'duplicate-item': { item },
  'validation-failed': { errors: z.array(problemDetail).min(1).max(20) },
  'not-ready': { state: z.enum(['starting', 'draining', 'store-unreachable']), storeReachable: z.boolean() },
};

function problemSchema(code: ProblemCode, id: string, members: z.core.$ZodShape = {}) {
  const { status, title, advice } = PROBLEMS[code];
  return z
    .strictObject({
      type: z.literal(`/problems/${code}`),
      title: z.literal(title as string),
      status: z.literal(status as number),
      detail: z.string().min(1).meta({ description: 'What happened, for people.' }),
      instance: z.string().meta({ description: 'The path that was asked for.' }),
      code: z.literal(code),
      requestId: z.string().regex(/^[A-Za-z0-9._:+/=@-]{1,128}$/),
      ...members,
    })
    .meta({ id, description: advice });
}

/** `duplicate-item` as `DuplicateItem`. */
export const pascalCase = (slug: string): string =>
  slug.replaceAll(/(^|-)([a-z])/g, (_, _dash, letter: string) => letter.toUpperCase());

export type ProblemSchema = ReturnType<typeof problemSchema>;

export const problemSchemas = Object.fromEntries(
  problemCodes.map((code) => [code, problemSchema(code, `${pascalCase(code)}Problem`, MEMBERS[code])]),
) as Record<ProblemCode, ProblemSchema>;

/** `item-not-found` as a lookup answers it: it says what the service made of the content, too. */
export const lookupMiss = problemSchema('item-not-found', 'LookupMissProblem', contentIdentity);
