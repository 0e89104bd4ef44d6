// Checks input against zod schemas and says what is wrong in terms of the request.
import type { z } from 'zod';
import { pointerTo } from '../items/json-pointer.ts';
import { type ProblemDetail, ProblemError } from './problems.ts';

/** The body, or the part of it at the pointer `at`, as the schema reads it. Throws a `validation-failed` problem with JSON pointers. */
export function parseBody<T extends z.ZodType>(schema: T, body: unknown, at = ''): z.output<T> {
  return parse(schema, body, (path) => ({ pointer: at + pointerTo(path) }));
}

/** The query parameters as the schema reads them. Throws a `validation-failed` problem with their names. */
export function parseQuery<T extends z.ZodType>(schema: T, query: unknown): z.output<T> {
  return parse(schema, query, (path) => ({ parameter: String(path[0] ?? '') }));
}

type Where = (path: readonly PropertyKey[]) => Pick<ProblemDetail, 'pointer' | 'parameter'>;

const MAX_ERRORS = 20;

function parse<T extends z.ZodType>(schema: T, input: unknown, where: Where): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const errors = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ ...where([...issue.path, key]), detail: 'is not known here' }))
      : [{ ...where(issue.path), detail: issue.message }],
  );
  throw new ProblemError('validation-failed', 'the request does not have the form that is asked for', {
    errors: errors.slice(0, MAX_ERRORS),
  });
}
