// The schemas of batches, as one JSON document and line by line.
import { z } from 'zod';
import { MAX_BATCH_ITEMS } from '../limits.ts';
import { item, itemId, newItem } from './item.ts';
import { problemCodes, problemDetail } from './problem.ts';

export const batchBody = z
  .strictObject({ items: z.array(newItem).min(1).max(MAX_BATCH_ITEMS) })
  .meta({ id: 'Batch', description: 'Items to save. Each is judged by itself.' });

/** A result that names an item names it in full, or with `Prefer: return=minimal` by its id. */
const naming = <S extends z.core.$ZodShape>(shape: S) => [
  z.strictObject({ ...shape, item }),
  z.strictObject({ ...shape, id: itemId }),
];

export const batchResult = z
  .union([
    ...naming({
      status: z.literal(201),
      replayed: z.literal(true).meta({ description: 'An earlier request with this key saved it.' }).optional(),
    }),
    ...naming({ status: z.literal(409), code: z.literal('duplicate-item') }),
    ...naming({ status: z.literal(200).meta({ description: 'A duplicate, with Prefer: handling=lenient.' }) }),
    z.strictObject({
      status: z.int().min(400).max(599),
      code: z.enum(problemCodes).exclude(['duplicate-item']),
      detail: z.string().min(1),
      errors: z.array(problemDetail).min(1).max(20).optional(),
    }),
  ])
  .meta({ id: 'BatchResult', description: 'What became of one item of a batch.' });

const count = z.int().min(0);

export const batchAnswer = z
  .strictObject({
    results: z.array(batchResult).meta({ description: 'In the order of the request.' }),
    saved: count,
    replayed: count,
    duplicates: count,
    failed: count,
  })
  .meta({ id: 'BatchAnswer' });
