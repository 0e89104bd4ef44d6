// Reads an item as a client posts it.
import { z } from 'zod';
import { type Content, contentFault } from '../items/content.ts';
import { ProblemError } from './problems.ts';
import { parseBody } from './validation.ts';

/** The body of a request for one item. */
export const itemBody = z.strictObject(
  {
    content: z.string('must be a string').check((context) => {
      const fault = contentFault(context.value);
      if (fault !== null) context.issues.push({ code: 'custom', message: fault, input: '' });
    }),
  },
  'must be an object with the member content',
);

/** The content in the text of a body, see `itemBody`. Throws a `malformed-json` or `validation-failed` problem. */
export function readContent(text: string | undefined): Content {
  if (text === undefined) throw new ProblemError('malformed-json', 'the request has no body');
  return { kind: 'string', text: parseBody(itemBody, parseJson(text)).content };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProblemError('malformed-json', 'the body is not valid JSON');
  }
}
