// The feed over a real Redis set: every item once and in order, and nothing that is not acknowledged.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FeedEvent, FeedReader, FeedStart } from '../../src/items/feed.ts';
import { type ItemPosition, parseItemId } from '../../src/items/item.ts';
import { decodeCursor, encodeCursor } from '../../src/items/list-cursor.ts';
import type { ListCursor } from '../../src/items/ports.ts';
import { waitFor } from '../../stack/wait.ts';
import { accessTo, command, confirmed, openTestStore, type TestStore, unconfirmed } from '../support/open-store.ts';
import { ownRedisSet, pauseAll, resumeAll } from '../support/own-redis-set.ts';
import { redisAtMaster } from '../support/redis-at-master.ts';

const PARTITIONS = 4;
let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store[Symbol.asyncDispose]());

const saveAll = (target: TestStore, ...texts: readonly string[]) =>
  confirmed(
    target,
    texts.map((text) => command(text)),
  );

async function withReader<T>(target: TestStore, from: FeedStart, work: (reader: FeedReader) => Promise<T>): Promise<T> {
  const reader = await target.feed.open(from);
  try {
    return await work(reader);
  } finally {
    reader.close();
  }
}

/**
 * Reads until it has so many events, or until nothing has come for a while: a former master that is back can be promoted
 * before Sentinel has made it a replica (8 s) and it has its copy, and meanwhile nothing is confirmed.
 */
async function read(reader: FeedReader, count: number): Promise<FeedEvent[]> {
  const events: FeedEvent[] = [];
  while (events.length < count) {
    const next = await reader.next(40_000);
    if (next === null || next.length === 0) throw new Error(`${events.length} of ${count} came`);
    events.push(...next);
  }
  return events;
}

const textsOf = (events: readonly FeedEvent[]) => events.map(({ item }) => item.content as string);
const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix} ${n}`);

function expectOrder(events: readonly FeedEvent[]): void {
  const positions = events.map(({ item }) => parseItemId(item.id) as ItemPosition);
  for (const own of Object.values(Object.groupBy(positions, ({ partition }) => partition))) {
    expect(own).toEqual(own?.toSorted((a, b) => a.ms - b.ms || a.seq - b.seq));
  }
}

describe('begins', () => {
  test('at the beginning, behind any item that was delivered, and behind a page of a listing', async () => {
    await using own = await openTestStore();
    const texts = numbered('begin', 100);
    await saveAll(own, ...texts);
    const all = await withReader(own, 'beginning', (reader) => read(reader, 100));
    expect(textsOf(all).toSorted()).toEqual(texts.toSorted());
    expectOrder(all);
    for (const n of [0, 1, 15, 16, 17, 50, 98]) {
      // As a client sends it back: through its text.
      const cursor = decodeCursor(encodeCursor((all[n] as FeedEvent).cursor), PARTITIONS) as ListCursor;
      const rest = await withReader(own, cursor, (reader) => read(reader, 99 - n));
      expect(textsOf(rest).toSorted()).toEqual(textsOf(all.slice(n + 1)).toSorted());
    }
    const page = await own.items.list('asc', 40);
    const rest = await withReader(own, page.next as ListCursor, (reader) => read(reader, 60));
    expect([...page.items.map(({ content }) => content as string), ...textsOf(rest)].toSorted()).toEqual(
      texts.toSorted(),
    );
  });

  test('with what is saved from now on, and can go on from there before anything came', async () => {
    await using own = await openTestStore();
    await saveAll(own, 'before');
    const reader = await own.feed.open('latest');
    await saveAll(own, 'after');
    expect(textsOf(await read(reader, 1))).toEqual(['after']);
    expect(textsOf(await withReader(own, reader.start, (again) => read(again, 1)))).toEqual(['after']);
    reader.close();
  });

  test('at nothing when everything was delivered, until something new is there', async () => {
    await using own = await openTestStore();
    await saveAll(own, 'only');
    await withReader(own, 'beginning', async (reader) => {
      expect(textsOf(await read(reader, 1))).toEqual(['only']);
      expect(await reader.next(100)).toEqual([]);
      const waiting = read(reader, 1);
      await saveAll(own, 'next');
      expect(textsOf(await waiting)).toEqual(['next']);
    });
  });
});

test('every item once, in the order of its partition, while two instances save and others read with them', async () => {
  await using one = await openTestStore();
  await using two = await openTestStore({ space: one.space });
  const texts = numbered('load', 600);
  const saving = [one, two].map(async (target, side) => {
    for (let n = side * 3; n < texts.length; n += 6) await saveAll(target, ...texts.slice(n, n + 3));
  });
  const readers = [one, one, two, two].map((target) => withReader(target, 'beginning', (reader) => read(reader, 600)));
  await Promise.all(saving);
  for (const events of await Promise.all(readers)) {
    expect(textsOf(events).toSorted()).toEqual(texts.toSorted());
    expectOrder(events);
  }
});

test('a reader that closes, or whose feed is closed, ends at once', async () => {
  await using own = await openTestStore();
  const [left, kept] = [await own.feed.open('beginning'), await own.feed.open('beginning')];
  const waiting = [left.next(60_000), kept.next(60_000)];
  left.close();
  expect(await waiting[0]).toBeNull();
  own.feed.close();
  expect(await waiting[1]).toBeNull();
  await expect(own.feed.open('beginning')).rejects.toMatchObject({ code: 'draining' });
  await expect(own.feed.open('latest')).rejects.toMatchObject({ code: 'draining' });
});

test('what was erased is left out, in the middle and at the end', async () => {
  await using own = await openTestStore();
  const texts = numbered('erasable', 60);
  await saveAll(own, ...texts);
  const all = await withReader(own, 'beginning', (reader) => read(reader, 60));
  const gone = all.filter((_, n) => n % 3 === 0 || n > 40);
  for (const { item } of gone) await own.erasure.erase(parseItemId(item.id) as ItemPosition);
  const rest = all.filter((event) => !gone.includes(event));
  await withReader(own, 'beginning', async (reader) => {
    expect(textsOf(await read(reader, rest.length)).toSorted()).toEqual(textsOf(rest).toSorted());
    expect(await reader.next(200)).toEqual([]);
    await saveAll(own, 'afterwards');
    expect(textsOf(await read(reader, 1))).toEqual(['afterwards']);
  });
});

test('twenty readers of large items at once, each at another place, keep the connection', async () => {
  await using redis = await ownRedisSet({ downAfterMs: 60_000 });
  await using own = await openTestStore({ access: accessTo(redis.set.sentinels) });
  const master = await redisAtMaster(redis.set.sentinels);
  using cleanup = new DisposableStack();
  cleanup.defer(() => master.disconnect());
  // Read without a bound, about 50 MB would have to wait in Redis at once.
  await master.config('SET', 'client-output-buffer-limit', `normal ${24 * 1024 * 1024} 0 0`);
  const texts = numbered('large', 160).map((text) => text.padEnd(65_536, 'x'));
  for (let n = 0; n < texts.length; n += 20) await saveAll(own, ...texts.slice(n, n + 20));
  const all = await withReader(own, 'beginning', (reader) => read(reader, 160));
  const readers = Array.from({ length: 20 }, (_, n) =>
    withReader(own, (all[n] as FeedEvent).cursor, (reader) => read(reader, 159 - n)),
  );
  expect((await Promise.all(readers)).map(({ length }) => length)).toEqual(
    Array.from({ length: 20 }, (_, n) => 159 - n),
  );
  // The others may fall silent for a moment on a busy machine.
  expect(own.seen.filter((line) => /^(down|failed) feed/.test(line))).toEqual([]);
});

describe('nothing is delivered that is not acknowledged', () => {
  test('while a replica that could be promoted is silent; all of it afterwards', async () => {
    // Long enough that no node is taken for down while a test pauses it.
    await using own = await ownRedisSet({ downAfterMs: 60_000 });
    await using target = await openTestStore({ access: accessTo(own.set.sentinels), ackTimeoutMs: 200 });
    await saveAll(target, 'before');
    await withReader(target, 'beginning', async (reader) => {
      expect(textsOf(await read(reader, 1))).toEqual(['before']);
      const replica = own.set.nodes[1]!;
      await pauseAll(replica);
      await unconfirmed(target, [command('meanwhile')], 'not-replicated');
      // It is there and can be listed, but it could still be lost.
      expect((await target.items.list('asc', 10)).items.map(({ content }) => content)).toContain('meanwhile');
      expect(await reader.next(1_500)).toEqual([]);
      await resumeAll(replica);
      expect(textsOf(await read(reader, 1))).toEqual(['meanwhile']);
    });
  });

  test('a full Redis goes on delivering what it has', async () => {
    await using own = await ownRedisSet({ downAfterMs: 60_000 });
    await using target = await openTestStore({ access: accessTo(own.set.sentinels) });
    await saveAll(target, 'the last that went in');
    const master = await redisAtMaster(own.set.sentinels);
    using cleanup = new DisposableStack();
    cleanup.defer(() => master.disconnect());
    await master.config('SET', 'maxmemory', '1');
    expect(await confirmed(target, [command('too much')])).toMatchObject([{ kind: 'full' }]);
    expect(textsOf(await withReader(target, 'beginning', (reader) => read(reader, 1)))).toEqual([
      'the last that went in',
    ]);
  });

  test('a connection that is cut again and again costs neither an item nor a repetition', async () => {
    await using own = await ownRedisSet({ downAfterMs: 60_000 });
    await using target = await openTestStore({ access: accessTo(own.set.sentinels) });
    const master = await redisAtMaster(own.set.sentinels);
    using cleanup = new DisposableStack();
    cleanup.defer(() => master.disconnect());
    const texts = numbered('cut', 300);
    const cut = async (): Promise<boolean> => {
      const clients = String(await master.client('LIST'));
      const id = /^id=(\d+) .* name=items-feed /m.exec(clients)?.[1];
      return id !== undefined && (await master.call('CLIENT', 'KILL', 'ID', id)) === 1;
    };
    const reader = await target.feed.open('beginning');
    const reading = read(reader, texts.length);
    for (let n = 0; n < texts.length; n += 10) {
      await saveAll(target, ...texts.slice(n, n + 10));
      if (n % 50 === 0) await waitFor(cut, { timeoutMs: 10_000, everyMs: 5, what: 'there was nothing to cut' });
    }
    const events = await reading;
    reader.close();
    expect(target.seen.filter((line) => line === 'down feed').length).toBeGreaterThan(2);
    expect(textsOf(events).toSorted()).toEqual(texts.toSorted());
    expectOrder(events);
  });

  test('what only a former master has is never delivered, and what the new one has is', async () => {
    // Without a keeper: it would take the mark from the replicas that miss something here, and nobody would be promoted.
    await using own = await ownRedisSet({ downAfterMs: 1_000, keepers: 0 });
    await using target = await openTestStore({ access: accessTo(own.set.sentinels), ackTimeoutMs: 300 });
    await saveAll(target, 'before');
    await withReader(target, 'beginning', async (reader) => {
      expect(textsOf(await read(reader, 1))).toEqual(['before']);
      const master = await own.set.masterNode();
      const replicas = own.set.nodes.filter((node) => node !== master);
      // Killed and not paused: what is sent to a paused one waits in its socket and is not lost.
      for (const replica of replicas) await replica.kill();
      await unconfirmed(target, [command('lost')], 'not-replicated');
      expect(await reader.next(500)).toEqual([]);
      await pauseAll(master);
      for (const replica of replicas) await replica.start();
      await saveAll(target, 'after');
      await resumeAll(master);
      expect(textsOf(await read(reader, 1))).toEqual(['after']);
      expect(await own.set.master()).not.toBe(master.address);
    });
    const all = await withReader(target, 'beginning', (reader) => read(reader, 2));
    expect(textsOf(all).toSorted()).toEqual(['after', 'before']);
  });

  test('a master that dies costs readers time, and neither an item nor a repetition', async () => {
    await using own = await ownRedisSet({ downAfterMs: 1_000 });
    await using target = await openTestStore({ access: accessTo(own.set.sentinels), ackTimeoutMs: 300 });
    await saveAll(target, ...numbered('before', 50));
    await withReader(target, 'beginning', async (reader) => {
      const before = await read(reader, 20);
      const master = await own.set.masterNode();
      await master.kill();
      const again = numbered('after', 20);
      await saveAll(target, ...again);
      const events = [...before];
      while (events.length < 70) events.push(...((await reader.next(40_000)) ?? []));
      expect(textsOf(events).toSorted()).toEqual([...numbered('before', 50), ...again].toSorted());
      expectOrder(events);
      expect(await own.set.master()).not.toBe(master.address);
    });
  });
});
