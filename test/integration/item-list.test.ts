// Paging through all partitions: complete, in order, both ways, and stable while items are saved.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { comparePositions, type Item, parseItemId } from '../../src/items/item.ts';
import { decodeCursor, encodeCursor } from '../../src/items/list-cursor.ts';
import type { ListCursor, ListOrder } from '../../src/items/ports.ts';
import { command, openTestStore, type TestStore } from '../support/open-store.ts';

const PARTITIONS = 4;
const SAVED = 137;
let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
  for (let i = 0; i < SAVED; i += 20) {
    await store.items.commit(Array.from({ length: Math.min(20, SAVED - i) }, (_, j) => command(`item ${i + j}`)));
  }
});
afterAll(() => store[Symbol.asyncDispose]());

async function readAll(order: ListOrder, limit: number, afterPage = async () => {}): Promise<Item[]> {
  const items: Item[] = [];
  for (let from: ListCursor | ListOrder | null = order; from !== null;) {
    const page = await store.items.list(from, limit);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    // As a client gets it: through the text of the cursor.
    from = page.next && decodeCursor(encodeCursor(page.next), PARTITIONS);
    if (from !== null) await afterPage();
  }
  return items;
}

const positionsOf = (items: readonly Item[]) => items.map(({ id }) => parseItemId(id)!);

test('every item once, in the order of ids, whatever the size of a page', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: SAVED + 20 }), async (limit) => {
      const items = await readAll('asc', limit);
      expect(new Set(items.map(({ content }) => content)).size).toBe(SAVED);
      expect(items).toHaveLength(SAVED);
      const positions = positionsOf(items);
      expect(positions).toEqual(positions.toSorted(comparePositions));
      expect((await readAll('desc', limit)).toReversed()).toEqual(items);
    }),
    { numRuns: 15, examples: [[1], [SAVED], [SAVED - 1], [SAVED + 1]] },
  );
});

test('a page that ends with the last item says that nothing follows', async () => {
  expect((await store.items.list('asc', SAVED)).next).toBeNull();
  expect((await store.items.list('asc', SAVED - 1)).next).not.toBeNull();
});

test('inserts between pages: going up, none is skipped; going down, none shows up twice', async () => {
  const before = new Set((await readAll('asc', 50)).map(({ id }) => id));
  let inserted = 0;
  const insert = async () => {
    if (inserted === 30) return;
    await store.items.commit([command(`inserted ${inserted++}`), command(`inserted ${inserted++}`)]);
  };
  const down = await readAll('desc', 10, insert);
  expect(new Set(down.map(({ id }) => id)).size).toBe(down.length);
  expect(new Set(down.map(({ id }) => id))).toEqual(before);
  const insertedGoingDown = inserted;
  inserted = 100;
  const upTo = inserted + 30;
  const up = await readAll('asc', 10, async () => {
    if (inserted < upTo) await store.items.commit([command(`inserted ${inserted++}`)]);
  });
  const contents = up.map(({ content }) => JSON.stringify(content));
  expect(new Set(contents).size).toBe(contents.length);
  expect(contents.filter((content) => content.startsWith('"inserted'))).toHaveLength(
    insertedGoingDown + inserted - 100,
  );
});

test('an empty store has one empty page', async () => {
  const empty = await openTestStore();
  expect(await empty.items.list('desc', 10)).toEqual({ items: [], next: null });
  await empty[Symbol.asyncDispose]();
});
