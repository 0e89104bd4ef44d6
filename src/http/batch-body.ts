// Reads the items of a batch that came as one JSON body.
import { z } from 'zod';
import type { Content } from '../items/content.ts';
import { exceeds } from '../items/json-bounds.ts';
import { contentOf, readJson } from './item-body.ts';
import { MAX_BATCH_ITEMS, MAX_BATCH_VALUES } from './limits.ts';
import { ProblemError } from './problems.ts';
import { parseBody } from './validation.ts';

/** The body of a batch. What its items are is looked at one by one, see `itemBody`. */
export const batchBody = z.strictObject(
  {
    items: z
      .array(z.unknown(), 'must be an array')
      .min(1, 'must have at least one item')
      .max(MAX_BATCH_ITEMS, `must have at most ${MAX_BATCH_ITEMS} items; more can be sent as application/x-ndjson`),
  },
  'must be an object with the member items',
);

// In `{"items":[{"content":…}]}`.
const ITEM_DEPTH = 2;
const ITEM_POINTER = /^\/items\/\d+/;

/**
 * A function for each item that returns its content, or throws a `validation-failed` problem with pointers into the body.
 * Throws such a problem, or a `malformed-json` one, when it is the body around the items that is wrong.
 */
export function readBatch(text: string | undefined): (() => Content)[] {
  if (text !== undefined && exceeds(text, { values: MAX_BATCH_VALUES, canonicalBytes: Infinity })) {
    throw new ProblemError(
      'payload-too-large',
      `the items must have at most ${MAX_BATCH_VALUES} values in all; more can be sent as application/x-ndjson`,
    );
  }
  const { value, faults } = readJson(text, ITEM_DEPTH);
  const { items } = parseBody(batchBody, value);
  const faultsByItem = Map.groupBy(faults, ({ pointer }) => ITEM_POINTER.exec(pointer)?.[0] ?? '');
  const around = faultsByItem.get('');
  if (around !== undefined) {
    throw new ProblemError('validation-failed', 'the body has no exact canonical form', { errors: around });
  }
  return items.map((item, index) => {
    const at = `/items/${index}`;
    return () => contentOf(item, faultsByItem.get(at) ?? [], at);
  });
}
