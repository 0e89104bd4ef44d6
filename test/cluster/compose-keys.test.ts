// The compose file with its overlay of API keys, and `npm run key` as an operator types it beside the running stack.
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ComposeStack, defineStack, dockerAnswers } from '../support/compose.ts';
import { withComposeStack } from '../support/compose-hooks.ts';

// That the engine must be there with REQUIRE_DOCKER=1 is said by compose.test.ts.
const docker = dockerAnswers();

let dir: string;
let first: Key;
let stack: ComposeStack;

describe.skipIf(!docker)('docker compose with API keys (needs a Docker engine)', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'items-compose-keys-'));
    // The instances run as a user of their own.
    await chmod(dir, 0o755);
    first = create('acme');
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));
  withComposeStack(async () => (stack = await defineStack({ keysDir: dir })));

  test('a key that was there at the start saves as its client; without it the answer is 401, whatever is asked', async () => {
    const saved = await ask('POST', '/v1/items', first.key, '{"content":"once"}');
    expect(saved.status).toBe(201);
    expect(await saved.json()).toMatchObject({ source: 'acme' });
    for (const wrong of [null, first.key.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')), 'made-up']) {
      for (const [method, path] of KEPT) {
        const refused = await ask(method, path, wrong);
        expect(refused.status, `${method} ${path}`).toBe(401);
        expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="items"');
        expect(await refused.json()).toMatchObject({ code: 'unauthorized' });
      }
    }
    // The status page names Redis nodes.
    expect((await ask('GET', '/status', first.key)).status).toBe(404);
    expect((await ask('GET', '/readyz', null)).status).toBe(200);
  });

  test('a key without the scope gets 403, which names it', async () => {
    const refused = await ask('DELETE', '/v1/items/1-0-0', first.key);
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain('scope="items:delete"');
  });

  test('a key that is made or revoked meanwhile counts at each instance, and none is started anew', async () => {
    const before = await startedAt();
    const second = create('globex', '--scopes', 'items:read');
    await expect.poll(() => statuses(second.key), eventually).toEqual([200]);
    key('revoke', first.id);
    // On a busy machine it takes so many questions that some of the refused ones are a 429.
    await expect.poll(() => statuses(first.key), eventually).not.toContain(200);
    await expect.poll(async () => (await ask('GET', '/v1/stats', first.key)).status, eventually).toBe(401);
    expect(await statuses(second.key)).toEqual([200]);
    expect(await startedAt()).toEqual(before);
  });

  test('no key is in what the containers log, or in the file', async () => {
    const told = `${await stack.compose('logs', '--no-color')}${await readFile(join(dir, 'api-keys.json'), 'utf8')}`;
    expect(told).toContain('"id": "');
    expect(told).toContain('/v1/items/feed');
    expect(told).not.toContain(first.key.slice(-20));
  });
});

type Key = { readonly id: string; readonly key: string };

const KEPT = [
  ['POST', '/v1/items'],
  ['POST', '/v1/items/batch'],
  ['POST', '/v1/items/lookup'],
  ['GET', '/v1/items'],
  ['GET', '/v1/items/1-0-0'],
  ['DELETE', '/v1/items/1-0-0'],
  ['GET', '/v1/items/feed'],
  ['GET', '/v1/stats'],
] as const;

function key(...args: string[]): string {
  const command = ['run', '--silent', 'key', '--', ...args, '--file', join(dir, 'api-keys.json')];
  return execFileSync('npm', command, { cwd: new URL('../..', import.meta.url), encoding: 'utf8' });
}

function create(client: string, ...args: string[]): Key {
  const [made = '', id = ''] = /^items_([a-z0-9]+)_\S+/.exec(key('create', '--client', client, ...args)) ?? [];
  return { id, key: made };
}

function ask(method: string, path: string, apiKey: string | null, body?: string): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  return fetch(`${stack.url}${path}`, { method, headers, body: body ?? null });
}

/** Of so many requests with this key that each instance has had some. */
async function statuses(apiKey: string): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask('GET', '/v1/stats', apiKey)));
  return [...new Set(answers.map(({ status }) => status))];
}

async function startedAt(): Promise<unknown[]> {
  const instances = (await stack.inspect()).filter(({ Name }) => /-api-\d+$/.test(Name));
  return instances.map(({ Id, State }) => [Id, State.StartedAt]);
}

const eventually = { timeout: 30_000, interval: 250 };
