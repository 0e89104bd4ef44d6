// Reads an item as a client posts it.
import { z } from 'zod';
import { type Content, contentFrom, MAX_CONTENT_BYTES, TOO_LARGE } from '../items/content.ts';
import { exceeds } from '../items/json-bounds.ts';
import { type JsonFault, type ParsedJson, parseJson } from '../items/strict-json.ts';
import { ProblemError } from './problems.ts';
import { parseBody } from './validation.ts';

/** The body of a request for one item, and each member of a request for many. */
export const itemBody = z.strictObject(
  {
    content: z.unknown().transform((value, context): Content => {
      const content = contentFrom(value);
      if (!('fault' in content)) return content;
      context.issues.push({ code: 'custom', message: content.fault, input: '' });
      return z.NEVER;
    }),
  },
  'must be an object with the member content',
);

/** The content in the text of a body, see `itemBody`. Throws a `malformed-json` or `validation-failed` problem. */
export function readContent(text: string | undefined): Content {
  const plain = plainContent(text ?? '');
  if (plain !== null) return plain;
  refuseTooLarge(text ?? '');
  const { value, faults } = readJson(text);
  return contentOf(value, faults);
}

/**
 * The JSON in the text of a body, see `parseJson`. Throws a `malformed-json` problem that does not quote the text, as
 * the parser's own error does.
 */
export function readJson(text: string | undefined, itemDepth = 0): ParsedJson {
  if (text === undefined) throw new ProblemError('malformed-json', 'the request has no body');
  try {
    return parseJson(text, itemDepth);
  } catch {
    throw new ProblemError('malformed-json', text.trim() === '' ? 'the body is empty' : 'the body is not valid JSON');
  }
}

/**
 * The content of one item out of a parsed body. `at` is the pointer to the item; of the body's faults those at or below it
 * count. Throws a `validation-failed` problem with pointers into the body.
 */
export function contentOf(item: unknown, faults: readonly JsonFault[], at = ''): Content {
  const own = faults.filter(({ pointer }) => pointer === at || pointer.startsWith(`${at}/`));
  if (own.length > 0) {
    throw new ProblemError('validation-failed', 'the item has no exact canonical form', { errors: own });
  }
  return parseBody(itemBody, item, at).content;
}

/** `{"content":…}` around the largest content. */
const MAX_ITEM_BYTES = MAX_CONTENT_BYTES + 12;

/** Refuses what cannot be a content whatever else is found in it, before it is looked at more closely, see `exceeds`. */
function refuseTooLarge(text: string): void {
  if (text.length <= MAX_ITEM_BYTES) return;
  if (!exceeds(text, { values: Infinity, canonicalBytes: MAX_ITEM_BYTES })) return;
  const pointer = BEFORE_VALUE.test(text) ? '/content' : '';
  throw new ProblemError('validation-failed', 'the item is too large', { errors: [{ pointer, detail: TOO_LARGE }] });
}

const BEFORE_VALUE = /^[ \t\n\r]*\{[ \t\n\r]*"content"[ \t\n\r]*:/;
// One way to match only, so it takes linear time whatever the text is.
const BEFORE_TEXT = /^[ \t\n\r]*\{[ \t\n\r]*"content"[ \t\n\r]*:[ \t\n\r]*(?=")/;
const BEHIND_TEXT = /^[ \t\n\r]*\}[ \t\n\r]*$/;

/**
 * The content of a body that holds nothing but an acceptable string, which is what most do; null for all others. Without
 * the search for faults, and with the same result: when all from the first quote of the value to the last quote of the
 * body is one JSON string, the body is an object with this one member.
 */
function plainContent(text: string): Content | null {
  const start = BEFORE_TEXT.exec(text)?.[0].length;
  if (start === undefined) return null;
  const end = text.lastIndexOf('"') + 1;
  if (!BEHIND_TEXT.test(text.slice(end))) return null;
  try {
    const content = contentFrom(JSON.parse(text.slice(start, end)));
    return 'fault' in content ? null : content;
  } catch {
    return null;
  }
}
