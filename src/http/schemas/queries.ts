// The query parameters of listing, batches and feed. What a parameter says of itself stands in the document.
import { z } from 'zod';
import { MAX_CURSOR_LENGTH } from '../../items/list-cursor.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;
const MAX_FIRST = 999_999_999_999_999;

/** A parameter arrives as text. The document says what is in the text, and not how the text is checked. */
const documentedAsInteger = (minimum: number, maximum: number, byDefault: number) => ({
  override: ({ jsonSchema }: { jsonSchema: Record<string, unknown> }) => {
    delete jsonSchema['pattern'];
    Object.assign(jsonSchema, { type: 'integer', minimum, maximum, default: byDefault });
  },
});

/** The query of a listing: how many items, from where, in which order. */
export const listQuery = z.strictObject({
  limit: z
    .string(`must be a whole number from 1 to ${MAX_LIMIT}, given once`)
    .regex(/^[1-9]\d{0,3}$/, `must be a whole number from 1 to ${MAX_LIMIT}`)
    .transform(Number)
    .refine((limit) => limit <= MAX_LIMIT, `must be a whole number from 1 to ${MAX_LIMIT}`)
    .default(DEFAULT_LIMIT)
    .meta({
      description: 'The most items that the page may have.',
      ...documentedAsInteger(1, MAX_LIMIT, DEFAULT_LIMIT),
    }),
  cursor: z
    .string('must be given once')
    .max(MAX_CURSOR_LENGTH, 'is not a cursor of this service')
    .optional()
    .meta({ description: 'The nextCursor of the page before. It holds the order, too.' }),
  order: z
    .enum(['asc', 'desc'], 'must be asc or desc')
    .optional()
    .meta({ description: 'asc (the default): the oldest first.' }),
});

/** The query of a batch: which number its first item has in the whole upload. */
export const batchQuery = z.strictObject({
  first: z
    .string('must be a whole number from 1, given once')
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number from 1')
    .transform(Number)
    .default(1)
    .meta({
      description:
        'The number of the first item of this request. With an Idempotency-Key each item is known again by its number, so that the rest of an upload can be sent under the same key.',
      ...documentedAsInteger(1, MAX_FIRST, 1),
    }),
});

/** The query of the feed: where it begins. */
export const feedQuery = z.strictObject({
  after: z.string('must be given once').max(MAX_CURSOR_LENGTH, 'is not a cursor of this service').optional().meta({
    description:
      'Where to begin: a cursor of the feed or of a listing with order=asc, or `latest` for what is saved from now on. Without it: from the first item.',
  }),
});
