// Items as they come back from a real Redis: by content, by id and in a listing; strings and JSON values.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Redis } from 'ioredis';
import type { Content } from '../../src/items/content.ts';
import { formatItemId, type Item, type ItemPosition } from '../../src/items/item.ts';
import type { SaveCommand } from '../../src/items/ports.ts';
import { indexKey, itemsKey, placeOf } from '../../src/redis/keys.ts';
import { command, confirmed, openTestStore, type TestStore } from '../support/open-store.ts';
import { redisAtMaster } from '../support/redis-at-master.ts';

let store: TestStore;
let redis: Redis;

beforeAll(async () => {
  store = await openTestStore();
  redis = await redisAtMaster();
});
afterAll(async () => {
  redis.disconnect();
  await store[Symbol.asyncDispose]();
});

async function save(wanted: SaveCommand): Promise<ItemPosition> {
  const [verdict] = await confirmed(store, [wanted]);
  if (verdict === undefined || !('position' in verdict)) throw new Error(`not saved: ${verdict?.kind}`);
  return verdict.position;
}

const json = (text: string): Content => ({ kind: 'json', text });

test.each<[string, string | Content, unknown]>([
  ['a string', 'plain \u00e9\0', 'plain \u00e9\0'],
  ['a string that spells JSON', '{"a":1}', '{"a":1}'],
  ['the JSON value', json('{"a":1}'), { a: 1 }],
  ['an array', json('[[],{},null,"\u{1f600}",1.5]'), [[], {}, null, '\u{1f600}', 1.5]],
  ['a member __proto__', json('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":{"x":1}}')],
])('%s is the same by content, by id and in the listing', async (_name, what, content) => {
  const wanted = command(what, { source: 'acme' });
  expect(await store.items.lookup(wanted.key)).toBeNull();
  const position = await save(wanted);
  const item = await store.items.lookup(wanted.key);
  expect(item).toEqual({
    id: formatItemId(position),
    content,
    source: 'acme',
    createdAt: new Date(position.ms).toISOString(),
  });
  expect(await store.items.find(position)).toEqual(item);
  expect((await store.items.list('asc', 100)).items).toContainEqual(item);
  expect((await store.items.list('desc', 1)).items).toEqual([item]);
});

test('an index that names what the log does not have is an error, not a content that is not saved', async () => {
  const wanted = command('damaged');
  const { ms, seq, partition } = await save(wanted);
  await redis.xdel(itemsKey(store.space, partition), `${ms}-${seq}`);
  await expect(store.items.lookup(wanted.key)).rejects.toThrow(
    `${ms}-${seq}-${partition}, which the log does not have`,
  );
});

test('a content that is erased and saved anew meanwhile is found or not, and never an error', async () => {
  const wanted = command('erased');
  const { partition, bucket } = placeOf(store.space, wanted.key);
  const looks: Promise<unknown>[] = [];
  for (let round = 0; round < 100; round++) {
    const { ms, seq } = await save(wanted);
    looks.push(...Array.from({ length: 3 }, () => store.items.lookup(wanted.key)));
    await redis
      .multi()
      .xdel(itemsKey(store.space, partition), `${ms}-${seq}`)
      .hdel(indexKey(store.space, partition, bucket), wanted.key.digest)
      .exec();
    looks.push(store.items.lookup(wanted.key));
  }
  const found = (await Promise.all(looks)) as (Item | null)[];
  expect(new Set(found.map((item) => item && item.content))).toEqual(new Set([null, 'erased']));
});
