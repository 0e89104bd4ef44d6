// The whole system as local processes, from outside: many clients, one nginx, instances and a master that die.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../../stack/stack.ts';
import { waitFor } from '../../stack/wait.ts';
import { inParallel, type Load, post, startLoad } from '../support/http-load.ts';
import { listAll } from '../support/list-all.ts';

let dir: string;
let stack: Stack;
/** Every content that any test got a 201 for. */
const acknowledged: string[] = [];
/** Every content that a client was left in doubt about. */
const unknown: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-cluster-'));
  stack = await startStack({ dir, instances: 3, downAfterMs: 1_000 });
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

async function failuresOf(load: Load): Promise<Record<string, number>> {
  const { created, unknown: doubtful, failures } = await load.stop();
  acknowledged.push(...created);
  unknown.push(...doubtful);
  return failures;
}

/** Waits until an instance has saved something, as its own metrics say. */
async function serves(url: string): Promise<void> {
  await waitFor(
    async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      return Number(/^item_saves_total\{outcome="saved",mode="single"\} (\d+)/m.exec(metrics)?.[1]) > 0;
    },
    { timeoutMs: 30_000, what: `${url} saved nothing` },
  );
}

test('2,000 parallel posts of 50 contents are 50 times 201 and otherwise 409 with the original', async () => {
  const contents = Array.from({ length: 50 }, (_, n) => `storm-${n}`);
  const answers = await inParallel(2_000, async (n) => {
    const content = contents[n % contents.length]!;
    const answer = await post(stack.url, content);
    const body = (await answer.json()) as { id: string; item?: { id: string } };
    return { content, status: answer.status, id: answer.status === 201 ? body.id : body.item?.id };
  });
  const created = answers.filter(({ status }) => status === 201);
  expect(created.map(({ content }) => content).toSorted()).toEqual(contents.toSorted());
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(2_000 - contents.length);
  const ids = new Map(created.map(({ content, id }) => [content, id]));
  expect(answers.filter(({ content, id }) => ids.get(content) !== id)).toEqual([]);
  acknowledged.push(...contents);
});

test('the same idempotency key through different instances is a replay, never a duplicate', async () => {
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'cluster-1' };
  const init = { method: 'POST', headers, body: JSON.stringify({ content: 'keyed' }) };
  const answers = await Promise.all(stack.instances.map(({ url }) => fetch(`${url}/v1/items`, init)));
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
  expect(answers.filter((answer) => answer.headers.get('idempotent-replayed') === 'true')).toHaveLength(2);
  acknowledged.push('keyed');
});

test('an instance that is killed under load costs no client an error', async () => {
  const load = startLoad(stack.url, 'kill');
  const [victim] = stack.instances;
  await serves(victim!.url);
  await victim!.kill();
  await expect.poll(load.count, eventually).toBeGreaterThan(load.count() + 200);
  await victim!.start();
  await victim!.ready();
  await serves(victim!.url);
  expect(await failuresOf(load)).toEqual({});
});

test('instances that are stopped and started one after the other under load cost no client an error', async () => {
  const load = startLoad(stack.url, 'rolling');
  for (const instance of stack.instances) {
    await instance.stop();
    await instance.start();
    await instance.ready();
    await serves(instance.url);
  }
  expect(await failuresOf(load)).toEqual({});
});

test('a master that is killed for good under load costs time, and at most the requests whose deadline passed', async () => {
  const load = startLoad(stack.url, 'failover');
  await expect.poll(load.count, eventually).toBeGreaterThan(200);
  const master = await stack.redis.masterNode();
  await master.kill();
  await expect.poll(() => stack.redis.master().catch(() => master.address), eventually).not.toBe(master.address);
  const before = load.count();
  await expect.poll(load.count, eventually).toBeGreaterThan(before + 500);
  // On a machine that is busy otherwise a failover can take longer than SAVE_DEADLINE_MS; nothing else may go wrong.
  expect(Object.keys(await failuresOf(load)).filter((failure) => !failure.startsWith('503 '))).toEqual([]);
  // Back from the dead it follows, whatever it thought it was.
  await master.start();
  await stack.redis.settled();
  expect(await stack.redis.master()).not.toBe(master.address);
});

test('after all of that every acknowledged content is stored, once', async () => {
  const stored = Map.groupBy(await listAll(stack.url), ({ content }) => content);
  const answered = new Set(acknowledged);
  // A 503 may be about a content that was saved and could not be confirmed in time.
  const sent = answered.union(new Set(unknown));
  expect({
    lost: acknowledged.filter((content) => !stored.has(content)),
    duplicate: [...stored].filter(([, items]) => items.length > 1),
    createdTwice: acknowledged.length - answered.size,
    phantom: [...stored.keys()].filter((content) => !sent.has(content)),
  }).toEqual({ lost: [], duplicate: [], createdTwice: 0, phantom: [] });
});

test('and nobody was refused anything by Redis: each role has the rights that it needs, a failover included', async () => {
  expect(await stack.redis.refused()).toEqual([]);
});

const eventually = { timeout: 60_000, interval: 100 };
