// Paging through all partitions: complete, in order, both ways, and stable while items are saved.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { comparePositions, type Item, parseItemId } from '../../src/items/item.ts';
import { decodeCursor, encodeCursor } from '../../src/items/list-cursor.ts';
import type { ItemPage, ListCursor, ListOrder } from '../../src/items/ports.ts';
import { command, confirmed, openTestStore, type TestStore } from '../support/open-store.ts';

const PARTITIONS = 4;
const SAVED = 137;
let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
  for (let i = 0; i < SAVED; i += 20) {
    await confirmed(
      store,
      Array.from({ length: Math.min(20, SAVED - i) }, (_, j) => command(`item ${i + j}`)),
    );
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
    await confirmed(store, [command(`inserted ${inserted++}`), command(`inserted ${inserted++}`)]);
  };
  const down = await readAll('desc', 10, insert);
  expect(new Set(down.map(({ id }) => id)).size).toBe(down.length);
  expect(new Set(down.map(({ id }) => id))).toEqual(before);
  const insertedGoingDown = inserted;
  inserted = 100;
  const upTo = inserted + 30;
  const up = await readAll('asc', 10, async () => {
    if (inserted < upTo) await confirmed(store, [command(`inserted ${inserted++}`)]);
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

describe('items of the largest size', () => {
  const LARGE = 65_536;
  const COUNT = 300;
  let large: TestStore;
  beforeAll(async () => {
    large = await openTestStore({ space: { prefix: `test-${randomUUID()}:`, partitions: 16, buckets: 8 } });
    for (let i = 0; i < COUNT; i += 50) {
      await confirmed(
        large,
        Array.from({ length: 50 }, (_, j) => command(String(i + j).padEnd(LARGE, 'x'))),
      );
    }
  });
  afterAll(() => large[Symbol.asyncDispose]());

  test('a page ends at 8 MiB, says so, and the next one goes on behind it', async () => {
    const sizes: number[] = [];
    const ids = new Set<string>();
    for (let from: ListCursor | ListOrder | null = 'asc'; from !== null;) {
      const page: ItemPage = await large.items.list(from, 1_000);
      sizes.push(page.items.length);
      for (const { id } of page.items) ids.add(id);
      from = page.next;
    }
    expect(sizes).toEqual([128, 128, 44]);
    expect(ids.size).toBe(COUNT);
  });

  test('many listings at once keep the connection, and nobody waits behind them for a lock', async () => {
    const listings = Promise.all(Array.from({ length: 60 }, () => large.items.list('desc', 1_000)));
    const { key } = command('locked meanwhile');
    expect(await large.locks.acquire(key)).toMatchObject({ kind: 'granted', grant: { keys: [key] } });
    for (const page of await listings) expect(page.items).toHaveLength(128);
    // The others may fall silent for a moment on a busy machine.
    expect(large.seen.filter((line) => /^(down|failed) read/.test(line))).toEqual([]);
  });

  test('what nobody waits for any more is not read', async () => {
    const first = Array.from({ length: 4 }, () => large.items.list('asc', 1_000));
    const left = Array.from({ length: 100 }, () => large.items.list('asc', 1_000, () => false));
    expect(await Promise.all(left)).toEqual(left.map(() => ({ items: [], next: null })));
    for (const page of await Promise.all(first)) expect(page.items).toHaveLength(128);
  });

  test('more than may wait are refused as overloaded', async () => {
    const listings = await Promise.allSettled(Array.from({ length: 210 }, () => large.items.list('asc', 1)));
    const refused = listings.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(6);
    expect(refused).toMatchObject(refused.map(() => ({ reason: { code: 'overloaded' } })));
  });
});
