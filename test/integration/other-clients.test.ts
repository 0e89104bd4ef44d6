// Two clients with keys of their own: neither can use, or find out about, the idempotency keys of the other one.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RedisServer } from '../support/redis-server.ts';
import { ServiceProcess } from '../support/service-process.ts';

const COMMAND = fileURLToPath(new URL('../../src/access/main.ts', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'items-clients-'));
const path = join(dir, 'api-keys.json');
let redis: RedisServer;
let service: ServiceProcess;
let url: string;
let keys: Record<'acme' | 'mallory' | 'reader', string>;

async function create(client: string, scopes = 'items:write,items:read'): Promise<string> {
  const args = ['create', '--client', client, '--scopes', scopes, '--file', path];
  const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, ...args]);
  return stdout.split('\n', 1)[0] ?? '';
}

beforeAll(async () => {
  redis = await RedisServer.started();
  keys = {
    acme: await create('acme'),
    mallory: await create('mallory'),
    reader: await create('reader', 'items:read'),
  };
  service = new ServiceProcess({ REDIS_URL: redis.url, API_KEYS_FILE: path });
  url = await service.ready();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

type Answer = { status: number; replayed: string | null; body: { id?: string; source?: string; code?: string } };

async function ask(who: keyof typeof keys, method: string, target: string, body?: object, more = {}): Promise<Answer> {
  const headers = { authorization: `Bearer ${keys[who]}`, 'content-type': 'application/json', ...more };
  const answer = await fetch(url + target, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  const replayed = answer.headers.get('idempotent-replayed');
  return { status: answer.status, replayed, body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] };
}
const save = (who: keyof typeof keys, content: string, key: string) =>
  ask(who, 'POST', '/v1/items', { content }, { 'idempotency-key': key });

test('a stolen idempotency key replays nothing: the thief gets a duplicate, and its owner still the replay', async () => {
  expect(await save('acme', 'an order', 'stolen')).toMatchObject({
    status: 201,
    replayed: null,
    body: { source: 'acme' },
  });
  expect(await save('mallory', 'an order', 'stolen')).toMatchObject({ status: 409, replayed: null });
  expect(await save('acme', 'an order', 'stolen')).toMatchObject({ status: 201, replayed: 'true' });
});

test('it tells nothing either: with another content it is a new key, while its owner gets a 422', async () => {
  await save('acme', 'another order', 'probed');
  expect(await save('acme', 'something else', 'probed')).toMatchObject({
    status: 422,
    body: { code: 'idempotency-key-reused' },
  });
  expect(await save('mallory', 'something of mine', 'probed')).toMatchObject({
    status: 201,
    body: { source: 'mallory' },
  });
  // Nor can a thief spoil it for its owner.
  await save('mallory', 'first come', 'spoilt');
  expect(await save('acme', 'an order of acme', 'spoilt')).toMatchObject({ status: 201, replayed: null });
});

type Line = { status: number; code?: string; replayed?: boolean; item?: { source: string; id: string } };

/** The same contents with one idempotency key, as a JSON batch and as lines: the results of both kinds are alike. */
async function saveMany(
  who: keyof typeof keys,
  kind: 'batch' | 'lines',
  contents: string[],
  key: string,
): Promise<Line[]> {
  const lines = contents.map((content) => JSON.stringify({ content }));
  const answer = await fetch(`${url}/v1/items/batch`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${keys[who]}`,
      'content-type': kind === 'batch' ? 'application/json' : 'application/x-ndjson',
      'idempotency-key': key,
    },
    body: kind === 'batch' ? `{"items":[${lines.join(',')}]}` : lines.join('\n'),
  });
  const text = await answer.text();
  if (kind === 'batch') return (JSON.parse(text) as { results: Line[] }).results;
  const parsed = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  return parsed.filter(({ status }) => status !== undefined);
}

describe.each(['batch', 'lines'] as const)('a stolen key of many items, sent as %s', (kind) => {
  test.each(['batch', 'lines'] as const)(
    'replays nothing to its thief as %s, and all of it to its owner',
    async (other) => {
      const contents = Array.from({ length: 3 }, (_, n) => `${kind} then ${other} ${n}`);
      const key = `${kind}-${other}`;
      const first = await saveMany('acme', kind, contents, key);
      expect(first.map(({ status }) => status)).toEqual([201, 201, 201]);
      const stolen = await saveMany('mallory', other, contents, key);
      expect(stolen.map(({ status, code }) => [status, code])).toEqual(stolen.map(() => [409, 'duplicate-item']));
      expect(stolen).toHaveLength(3);
      const again = await saveMany('acme', other, contents, key);
      expect(again.map(({ status }) => status)).toEqual([201, 201, 201]);
      expect(again.map(({ item }) => item)).toEqual(first.map(({ item }) => item));
    },
  );

  test('says nothing of a single item that its owner saved with it, and spoils none', async () => {
    const key = `single-${kind}`;
    expect(await save('acme', `alone beside ${kind}`, key)).toMatchObject({ status: 201 });
    const [stolen, own] = await saveMany('mallory', kind, [`alone beside ${kind}`, `of mallory ${kind}`], key);
    expect([stolen, own]).toMatchObject([{ status: 409 }, { status: 201, item: { source: 'mallory' } }]);
    expect(await save('acme', `alone beside ${kind}`, key)).toMatchObject({ status: 201, replayed: 'true' });
  });
});

test('after an item was erased, neither a thief nor the owner gets it back with its key: it is saved anew', async () => {
  const first = await save('acme', 'erased later', 'erased');
  const eraser = { authorization: `Bearer ${await create('eraser', 'items:delete')}` };
  // The keys are read again when the file has changed. Asked more than five times a second, it would have no 401 left for the
  // tests below.
  const erased = () => statusOf(`/v1/items/${first.body.id}`, eraser);
  await expect.poll(erased, { timeout: 20_000, interval: 250 }).toBe(204);
  const stolen = await save('mallory', 'erased later', 'erased');
  expect(stolen).toMatchObject({ status: 201, replayed: null, body: { source: 'mallory' } });
  expect(stolen.body.id).not.toBe(first.body.id);
  expect(await save('acme', 'erased later', 'erased')).toMatchObject({ status: 409, replayed: null });
  expect(await save('acme', 'something else', 'erased')).toMatchObject({ status: 422 });
});

const statusOf = async (target: string, headers: Record<string, string>): Promise<number> =>
  (await fetch(url + target, { method: 'DELETE', headers })).status;

test('a client cannot name the source of what it saves', async () => {
  const forged = { source: 'acme', content: 'forged source' };
  expect((await ask('mallory', 'POST', '/v1/items', forged)).status).toBe(422);
  const headers = { source: 'acme', 'x-source': 'acme', 'x-attempt-id': 'any', 'x-forwarded-for': '1.2.3.4' };
  const saved = await ask('mallory', 'POST', '/v1/items', { content: 'forged source' }, headers);
  expect(saved).toMatchObject({ status: 201, body: { source: 'mallory' } });
  expect((await ask('acme', 'POST', '/v1/items', { content: 'forged source' }, headers)).status).toBe(409);
});

test('a key that may only read does nothing else to the item of another client, on any route', async () => {
  const { body } = await save('acme', 'mine', 'own');
  const item = `/v1/items/${body.id}`;
  for (const [method, target, sent] of [
    ['POST', '/v1/items', { content: 'x' }],
    ['POST', '/v1/items/batch', { items: [{ content: 'x' }] }],
    ['DELETE', item, undefined],
  ] as const) {
    expect(await ask('reader', method, target, sent), method).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
  }
  expect(await ask('reader', 'GET', item)).toMatchObject({ status: 200, body: { source: 'acme' } });
});

test('no route says anything to somebody without a key', async () => {
  const { body } = await save('acme', 'secret', 'hidden');
  for (const [method, target, sent] of [
    ['GET', `/v1/items/${body.id}`, undefined],
    ['GET', '/v1/items', undefined],
    ['GET', '/v1/items/feed', undefined],
    ['GET', '/v1/stats', undefined],
    ['POST', '/v1/items', { content: 'secret' }],
    ['POST', '/v1/items/batch', { items: [{ content: 'secret' }] }],
    ['POST', '/v1/items/lookup', { content: 'secret' }],
    ['DELETE', `/v1/items/${body.id}`, undefined],
  ] as const) {
    const answer = await ask('acme', method, target, sent, { authorization: `Bearer ${keys.acme.slice(0, -1)}` });
    expect(answer, target).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(JSON.stringify(answer)).not.toContain('secret');
  }
});
