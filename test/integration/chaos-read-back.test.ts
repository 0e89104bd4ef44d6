// What a chaos run reads back from real nodes, without the service's code, is what the service wrote.
import { expect, inject, test } from 'vitest';
import { check } from '../../chaos/checker.ts';
import { bodyOf } from '../../chaos/content-form.ts';
import type { Copy } from '../../chaos/copy.ts';
import { renderFindings } from '../../chaos/findings.ts';
import { Journal } from '../../chaos/journal.ts';
import { contentText } from '../../chaos/load-plan.ts';
import { readCopy } from '../../chaos/read-back.ts';
import { StringPool } from '../../chaos/string-pool.ts';
import { readContent } from '../../src/http/item-body.ts';
import { formatItemId } from '../../src/items/item.ts';
import { indexKey, itemsKey, placeOf } from '../../src/redis/keys.ts';
import { askRedis, fields, type RedisAddress } from '../../stack/ask-redis.ts';
import { loginAs } from '../../stack/secrets.ts';
import { command, confirmed, MASTER_NAME, openTestStore, type TestStore } from '../support/open-store.ts';
import { redisAtMaster } from '../support/redis-at-master.ts';

const COUNT = 3_000;

/** Saves contents and notes them as a client would. */
async function save(store: TestStore): Promise<Journal> {
  const journal = new Journal();
  for (let from = 0; from < COUNT; from += 500) {
    const texts = Array.from({ length: 500 }, (_, i) => contentText(1, from + i, (i * 0.618) % 1));
    const verdicts = await confirmed(
      store,
      texts.map((text) => command(readContent(bodyOf(text, true)))),
    );
    for (const [i, verdict] of verdicts.entries()) {
      if (!('position' in verdict)) throw new Error(verdict.kind);
      const n = journal.sent({ client: 0, content: texts[i]!, idempotencyKey: null, sentAtMs: from });
      journal.answered(n, { kind: 'saved', id: formatItemId(verdict.position), replayed: false }, from + 1);
    }
  }
  return journal;
}

/** The master first, then the replicas. */
async function nodes(): Promise<RedisAddress[]> {
  const login = loginAs(inject('secrets'), 'operator');
  const [host, sentinelPort] = inject('sentinels').split(',')[0]!.split(':');
  const sentinel = { host: host!, port: Number(sentinelPort), ...login };
  const master = fields(await askRedis(sentinel, ['SENTINEL', 'MASTER', MASTER_NAME]));
  const replicas = (await askRedis(sentinel, ['SENTINEL', 'REPLICAS', MASTER_NAME])) as unknown[];
  return [master, ...replicas.map(fields)].map(({ port }) => ({ host: '127.0.0.1', port: Number(port), ...login }));
}

test('every node is read whole, and what was meddled with is found', async () => {
  await using store = await openTestStore();
  const attempts = await save(store);
  const { prefix } = store.space;
  const all = await nodes();
  const pool = new StringPool();
  // Saved means acknowledged by every replica, so there is nothing to wait for.
  const read = (): Promise<Copy[]> => Promise.all(all.map((node) => readCopy({ node, prefix, pool })));
  const copies = await read();
  expect(copies.map(({ entries, index }) => [entries.length, index.size])).toEqual(all.map(() => [COUNT, COUNT]));
  const listing = { items: copies[0]!.entries };
  expect(renderFindings(check({ attempts, copies, listing }))).toMatch(/lost: 0\nduplicate: 0\n/);
  expect(check({ attempts, copies, listing }).clean).toBe(true);

  const redis = await redisAtMaster();
  try {
    const { key } = command(readContent(bodyOf(contentText(1, 0, 0), false)));
    const { partition, bucket } = placeOf(store.space, key);
    const other = indexKey(store.space, partition, (bucket + 1) % store.space.buckets);
    await redis.hset(other, key.digest, '9-9');
    await redis.xadd(itemsKey(store.space, partition), '*', 'c', 'foreign', 'm', 's y x');
    expect(await redis.wait(all.length - 1, 5_000)).toBe(all.length - 1);
    const findings = check({ attempts, copies: await read(), listing: null });
    expect(findings.counts).toMatchObject({ phantom: 1, lost: 0, duplicate: 0, differingNodes: 0 });
    expect(findings.examples.indexFault.map(({ what }) => what).join('\n')).toMatch(/two places of the index/);
    await redis.set(`${prefix}item`, 'x');
    await expect(readCopy({ node: all[0]!, prefix })).rejects.toThrow(/should be no key/);
  } finally {
    redis.disconnect();
  }
});

test('a node that is not there is an error', async () => {
  await expect(readCopy({ node: { host: '127.0.0.1', port: 1 }, prefix: '' })).rejects.toThrow(/ECONNREFUSED|closed/);
});
