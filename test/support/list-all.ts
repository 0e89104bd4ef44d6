// Reads everything that is stored, page by page, as a client would.
import { expect } from 'vitest';

export type StoredItem = {
  readonly id: string;
  readonly content: string;
  readonly source: string;
  readonly createdAt: string;
};

/** All items behind `url`, in the order of their ids. */
export async function listAll(url: string): Promise<StoredItem[]> {
  const items: StoredItem[] = [];
  let cursor: string | null = null;
  do {
    const page = await fetch(`${url}/v1/items?limit=1000${cursor === null ? '' : `&cursor=${cursor}`}`);
    expect(page.status).toBe(200);
    const body = (await page.json()) as { items: StoredItem[]; nextCursor: string | null };
    items.push(...body.items);
    cursor = body.nextCursor;
  } while (cursor !== null);
  return items;
}
