// Where an item is, and what tells one version of it from another.
import type { Item } from '../items/item.ts';

/** The path of an item. */
export const pathOf = (item: Item): string => `/v1/items/${item.id}`;

/** An item never changes, so its id is a strong validator (RFC 9110, section 8.8.1). */
export const etagOf = (item: Item): string => `"${item.id}"`;

/** RFC 9110, section 13.1.2: a weak comparison with each member of the list. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((part) => part.trim() === '*' || part.trim().replace(/^W\//, '') === etag);
}
