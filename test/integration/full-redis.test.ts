// A Redis that is full, over HTTP: what is there is still told apart from what is new, and nothing is added.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import { loginSettings } from '../../stack/secrets.ts';
import { accessTo, command, openTestStore } from '../support/open-store.ts';
import { ownRedisSet } from '../support/own-redis-set.ts';
import { ServiceProcess } from '../support/service-process.ts';

let own: Awaited<ReturnType<typeof ownRedisSet>>;
let service: ServiceProcess;
let settings: Record<string, string>;
let url: string;

beforeAll(async () => {
  own = await ownRedisSet({ downAfterMs: 20_000 });
  settings = {
    REDIS_SENTINELS: own.set.sentinels,
    ...loginSettings(inject('secrets'), 'service'),
    REDIS_KEY_PREFIX: `test-${randomUUID()}:`,
  };
  service = new ServiceProcess(settings);
  url = await service.ready();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await own[Symbol.asyncDispose]();
});

const setMaxMemory = async (limit: string) =>
  askRedis(await own.set.masterNode(), ['CONFIG', 'SET', 'maxmemory', limit]);

// Whatever came of a test: the next one needs room.
afterEach(() => setMaxMemory('0'));

async function post(content: string, key?: string, at = url) {
  const answer = await fetch(`${at}/v1/items`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
    body: JSON.stringify({ content }),
  });
  const { id, code, item } = (await answer.json()) as { id?: string; code?: string; item?: { id: string } };
  return { status: answer.status, id: id ?? item?.id, code };
}

async function postBatch(...contents: string[]): Promise<unknown> {
  const answer = await fetch(`${url}/v1/items/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ items: contents.map((content) => ({ content })) }),
  });
  return answer.json();
}

test('duplicates and replays are answered; what would need room is refused, and taken when there is some', async () => {
  const first = await post('there before', 'used');
  expect(first).toMatchObject({ status: 201 });
  await setMaxMemory('1');
  expect(await post('there before')).toMatchObject({ status: 409, id: first.id });
  expect(await post('there before', 'used')).toMatchObject({ status: 201, id: first.id });
  const full = { status: 507, code: 'storage-full' };
  expect(await post('new')).toMatchObject(full);
  // A new key has to be remembered, or it could be used for something else later.
  expect(await post('there before', 'not-used-yet')).toMatchObject(full);
  expect(await post('something else', 'used')).toMatchObject(full);
  expect(await postBatch('there before', 'new as well')).toMatchObject({
    results: [{ status: 409 }, { status: 507 }],
  });
  await setMaxMemory('0');
  expect(await post('new')).toMatchObject({ status: 201 });
  expect(await post('there before', 'not-used-yet')).toMatchObject({ status: 409, id: first.id });
  expect(await post('something else', 'not-used-yet')).toMatchObject({ status: 422 });
});

test('an instance that is started meanwhile takes traffic', async () => {
  const first = await post('for whoever comes later');
  await setMaxMemory('1');
  await using late = new ServiceProcess(settings);
  expect(await post('for whoever comes later', undefined, await late.ready())).toMatchObject({
    status: 409,
    id: first.id,
  });
});

test('answers that no commit counted are counted all the same', async () => {
  await using store = await openTestStore({ access: accessTo(own.set.sentinels) });
  await setMaxMemory('1');
  store.tally.add(command('hot').key, { duplicates: 3, replayed: 2 });
  await expect.poll(() => store.items.counts(), { timeout: 20_000 }).toMatchObject({ duplicates: 3, replayed: 2 });
});
