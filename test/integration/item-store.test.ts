// The save script and its acknowledgement against a real Redis set.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Redis } from 'ioredis';
import { formatItemId } from '../../src/items/item.ts';
import type { SaveCommand, Verdict } from '../../src/items/ports.ts';
import { countsKey, indexKey, itemsKey, lockKey, placeOf } from '../../src/redis/keys.ts';
import { command, decided, openTestStore, type TestStore } from '../support/open-store.ts';
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

const decide = (...commands: SaveCommand[]): Promise<readonly Verdict[]> => decided(store, commands);

const idOf = (verdict: Verdict | undefined): string => {
  if (verdict === undefined || !('position' in verdict)) throw new Error(`no item: ${verdict?.kind}`);
  return formatItemId(verdict.position);
};

describe('a commit', () => {
  test('appends what is new and finds what is known, with who saved it', async () => {
    const first = command('a', { source: 'acme', token: 'first' });
    const [saved] = await decide(first);
    expect(saved).toMatchObject({ kind: 'saved' });
    const [known] = await decide(command('a', { source: 'other' }));
    expect(saved).toMatchObject({ source: 'acme', token: 'first', reused: [] });
    expect(known).toEqual({ ...saved, kind: 'known' });
  });

  test('decides each content of a batch by itself and in order', async () => {
    await decide(command('known'));
    const held = command('held');
    await redis.set(lockKey(store.space, held.key), 'somebody', 'PX', 10_000);
    const verdicts = await decide(command('new 1'), command('known'), held, command('new 2'));
    expect(verdicts.map(({ kind }) => kind)).toEqual(['saved', 'known', 'fenced', 'saved']);
    await redis.del(lockKey(store.space, held.key));
    expect(await decide(held)).toMatchObject([{ kind: 'saved' }]);
  });

  test('passes under our own lock, without a lock, and not under another’s', async () => {
    const mine = command('locked', { lockToken: 'mine' });
    const key = lockKey(store.space, mine.key);
    await redis.set(key, 'other', 'PX', 10_000);
    expect(await decide(mine)).toEqual([{ kind: 'fenced', holder: 'other' }]);
    expect(await redis.hgetall(countsKey(store.space, placeOf(store.space, mine.key).partition))).not.toHaveProperty(
      'x',
    );
    await redis.set(key, 'mine', 'PX', 10_000);
    expect(await decide(mine)).toMatchObject([{ kind: 'saved' }]);
    await redis.del(key);
    expect(await decide(mine)).toMatchObject([{ kind: 'known', token: mine.token }]);
  });

  test('answers what is known under another’s lock too, and remembers the key that it was asked with', async () => {
    const saved = command('known and locked');
    await decide(saved);
    const key = lockKey(store.space, saved.key);
    await redis.set(key, 'other', 'PX', 10_000);
    const keyed = { token: `locked-${store.space.prefix}`, isIdempotencyKey: true };
    expect(await decide(command('known and locked', keyed))).toMatchObject([{ kind: 'known', token: saved.token }]);
    expect(await decide(command('not that one', keyed))).toEqual([{ kind: 'key_reused' }]);
    expect(await redis.get(key)).toBe('other');
  });

  test('remembers an idempotency key for a day and refuses it for another content', async () => {
    const keyed = command('keyed', { token: `token-${store.space.prefix}`, isIdempotencyKey: true });
    expect(await decide(keyed)).toMatchObject([{ kind: 'saved' }]);
    expect(await decide(keyed)).toMatchObject([{ kind: 'known', token: keyed.token }]);
    const [reused] = await decide(command('another', { token: keyed.token, isIdempotencyKey: true }));
    expect(reused).toEqual({ kind: 'key_reused' });
    const seconds = await redis.ttl(`${store.space.prefix}key:{k}:${keyed.token}`);
    expect(seconds).toBeGreaterThan(86_000);
    expect(seconds).toBeLessThanOrEqual(86_400);
  });

  test('keeps texts as they are, byte for byte', async () => {
    const texts = ['\0', ' a ', 'a\r\n', 'é🙂', '{"a":1}', 'x'.repeat(65_536), '\ufeffa', '*3\r\n$1\r\n'];
    const verdicts = await decide(...texts.map((text) => command(text)));
    for (const [i, verdict] of verdicts.entries()) {
      if (!('position' in verdict)) throw new Error(verdict.kind);
      expect((await store.items.find(verdict.position))?.content).toBe(texts[i]);
    }
  });

  test('moves the replication offset whatever it decides, so that its WAIT waits for something', async () => {
    const first = command('twice', { token: `twice-${store.space.prefix}`, isIdempotencyKey: true });
    const held = command('held for the offset');
    await decide(first);
    await redis.set(lockKey(store.space, held.key), 'somebody', 'PX', 10_000);
    const reused = command('another', { token: first.token, isIdempotencyKey: true });
    for (const again of [first, command('twice'), held, reused]) {
      const before = await replicationOffset();
      await decide(again);
      expect(await replicationOffset()).toBeGreaterThan(before);
    }
  });

  test('counts what it decided', async () => {
    const first = command('counted', { token: 'c' });
    const { partition } = placeOf(store.space, first.key);
    const before = await redis.hgetall(countsKey(store.space, partition));
    for (const next of [first, first, command('counted'), command('counted')]) await decide(next);
    const after = await redis.hgetall(countsKey(store.space, partition));
    const grown = (name: string) => Number(after[name] ?? 0) - Number(before[name] ?? 0);
    expect([grown('saved'), grown('replayed'), grown('duplicates')]).toEqual([1, 1, 2]);
  });

  test('survives a script cache that was flushed', async () => {
    await redis.script('FLUSH');
    expect(await decide(command('after flush'))).toMatchObject([{ kind: 'saved' }]);
    expect(store.seen).not.toContain('unconfirmed noscript');
  });

  test('tells an index that names what the log does not have', async () => {
    const lost = command('lost by hand');
    const id = idOf((await decide(lost))[0]);
    const { partition } = placeOf(store.space, lost.key);
    await redis.xdel(itemsKey(store.space, partition), id.replace(/-\d+$/, ''));
    expect(await decide(lost)).toMatchObject([{ kind: 'damaged' }]);
  });

  test('of many instances at once saves each content once', async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => openTestStore({ space: store.space })));
    const verdicts = await Promise.all(
      stores.flatMap((other) =>
        Array.from({ length: 10 }, () => decided(other, [command('race a'), command('race b')])),
      ),
    );
    const kinds = verdicts.flat();
    expect(kinds).toHaveLength(80);
    expect(kinds.filter(({ kind }) => kind === 'saved')).toHaveLength(2);
    await Promise.all(stores.map((other) => other[Symbol.asyncDispose]()));
  });
});

test('the index stays small enough for its compact form', async () => {
  const one = command('indexed');
  await decide(one);
  const { partition, bucket } = placeOf(store.space, one.key);
  expect(await redis.object('ENCODING', indexKey(store.space, partition, bucket))).toBe('listpack');
});

test('contents that somebody has chosen to fall into one bucket of the index are told apart all the same', async () => {
  // More than hash-max-listpack-entries: the compact form, in which each look goes through all of them, is given up.
  const commands: SaveCommand[] = [];
  const { partition, bucket } = placeOf(store.space, command('chosen').key);
  for (let n = 0; commands.length < 600; n++) {
    const one = command(`chosen ${n}`);
    const place = placeOf(store.space, one.key);
    if (place.partition === partition && place.bucket === bucket) commands.push(one);
  }
  const saved: string[] = [];
  const known: string[] = [];
  const batches = Array.from({ length: 6 }, (_, i) => commands.slice(i * 100, (i + 1) * 100));
  for (const batch of batches) saved.push(...(await decide(...batch)).map(idOf));
  expect(await redis.object('ENCODING', indexKey(store.space, partition, bucket))).toBe('hashtable');
  for (const batch of batches) known.push(...(await decide(...batch)).map(idOf));
  expect(known).toEqual(saved);
  expect(new Set(saved).size).toBe(600);
});

async function replicationOffset(): Promise<number> {
  return Number(/^master_repl_offset:(\d+)/m.exec(await redis.info('replication'))?.[1]);
}
