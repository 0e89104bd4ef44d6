// Where an item is, and what tells one version of it from another.
import type { Item } from '../items/item.ts';

/** The path of an item. */
export const pathOf = (item: Item): string => `/v1/items/${item.id}`;

/** An item never changes, so its id is a strong validator (RFC 9110, section 8.8.1). */
export const etagOf = (item: Item): string => `"${item.id}"`;
