// The schemas of an item, and of the answers that hold items.
import { z } from 'zod';
import { MAX_CONTENT_BYTES } from '../../items/content.ts';

export const itemId = z
  .string()
  .regex(/^(0|[1-9]\d{0,14})-(0|[1-9]\d{0,14})-(0|[1-9]\d{0,3})$/)
  .meta({ id: 'ItemId', description: 'Names an item. Opaque: what its parts mean may change.' });

/**
 * A content. JSON Schema cannot say all that is asked of one: bytes in UTF-8 (it counts characters), no lone surrogates,
 * and of a JSON value that it has an exact canonical form. The service's own checks do.
 */
export const content = z
  .union([z.string().min(1).max(MAX_CONTENT_BYTES), z.record(z.string(), z.unknown()), z.array(z.unknown())])
  .meta({
    id: 'Content',
    description:
      `A string of 1 to ${MAX_CONTENT_BYTES} bytes in UTF-8, or a JSON object or array whose canonical form (RFC 8785) takes at most as many. ` +
      'Two strings are the same content when their bytes are the same; two JSON values when their canonical forms are. A string and a JSON value never are.',
  });

export const item = z
  .strictObject({
    id: itemId,
    content,
    source: z.string().min(1).meta({ description: 'Who saved it; anonymous without API keys.' }),
    createdAt: z.iso.datetime({ precision: 3 }).meta({
      description: 'RFC 3339, in UTC, with milliseconds.',
      // Instead of zod's own pattern, which knows leap years and fills four lines.
      override: { pattern: String.raw`\.\d{3}Z$` },
    }),
  })
  .meta({ id: 'Item', description: 'A saved content.' });

/** The body of a request for one item, as the document shows it. What the service refuses beyond it is a 422 as well. */
export const newItem = z.strictObject({ content }).meta({ id: 'NewItem' });

export const cursor = z.string().meta({ description: 'A position in a listing or in the feed. Opaque.' });

export const itemPage = z
  .strictObject({
    items: z.array(item),
    nextCursor: cursor.nullable().meta({ description: 'For the next page; null on the last one.' }),
  })
  .meta({ id: 'ItemPage' });

/** What the service makes of a content: the same members whether it is saved or not. */
export const contentIdentity = {
  kind: z.enum(['string', 'json']),
  canonical: z.string().meta({ description: 'The string itself, or the canonical form (RFC 8785) of the JSON value.' }),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .meta({ description: 'SHA-256 of the canonical form in UTF-8.' }),
};

export const lookupResult = z.strictObject({ item, ...contentIdentity }).meta({ id: 'LookupResult' });

const count = (description: string) => z.int().min(0).meta({ description });

export const stats = z
  .strictObject({
    saved: count('Contents that were saved.'),
    duplicates: count('Requests to save a content that was saved already.'),
    replayed: count('Requests that were sent again and got the item that they had saved.'),
    deleted: count('Items that were erased.'),
    stored: count('Items that are there now.'),
  })
  .meta({ id: 'Stats', description: 'Totals since the beginning, over all instances.' });
