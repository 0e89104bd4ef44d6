// API keys in a running service: created and revoked by the command, without a restart; a bad file changes nothing.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RedisServer } from '../support/redis-server.ts';
import { ServiceProcess } from '../support/service-process.ts';

const COMMAND = fileURLToPath(new URL('../../src/access/main.ts', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'items-keys-'));
const path = join(dir, 'api-keys.json');
let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.started();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

async function key(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, ...args, '--file', path]);
  return stdout;
}

async function create(client: string): Promise<string> {
  return (await key('create', '--client', client)).split('\n', 1)[0] ?? '';
}

const startService = () =>
  new ServiceProcess({ REDIS_URL: redis.url, REDIS_KEY_PREFIX: `${randomUUID()}:`, API_KEYS_FILE: path });

async function post(url: string, apiKey: string, content: string): Promise<number> {
  const answer = await fetch(`${url}/v1/items`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ content }),
  });
  await answer.body?.cancel();
  return answer.status;
}

async function metric(url: string, name: string): Promise<number> {
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(await (await fetch(`${url}/metrics`)).text())?.[1]);
}

test('keys come and go while it runs, a file that cannot be used changes nothing, and no request fails for it', async () => {
  const first = await create('acme');
  await using service = startService();
  const url = await service.ready();
  expect(await post(url, first, 'one')).toBe(201);
  expect(await post(url, `${first.slice(0, -2)}00`, 'one')).toBe(401);

  const second = await create('acme');
  await service.until(async () => (await post(url, second, 'two')) === 409, 'the new key was not taken');
  expect(await post(url, first, 'three')).toBe(201);

  const good = readFileSync(path, 'utf8');
  writeFileSync(path, good.slice(0, -20));
  await service.until(
    async () => (await metric(url, 'api_key_reload_failures_total')) > 0,
    'the bad file was not noticed',
  );
  const error = await service.until(() => service.lines.find(({ level }) => level === 'error'), 'it was not logged');
  expect(error).toMatchObject({ reason: 'it is not valid JSON' });
  expect(await post(url, first, 'four')).toBe(201);
  expect(await metric(url, 'api_keys')).toBe(2);

  writeFileSync(path, good);
  await key('revoke', first.slice(6, 18));
  await service.until(async () => (await post(url, first, 'one')) === 401, 'the revoked key was not refused');
  expect(await post(url, second, 'five')).toBe(201);
  expect(service.stdout).not.toContain(first.slice(19));
});

test('a file that cannot be used keeps it from starting', async () => {
  writeFileSync(path, '{"version":1,"keys":[{"secret":"hunter2"}]}');
  await using service = startService();
  expect(await service.ended()).toMatchObject({ code: 1 });
  expect(service.stderr).toMatch(/^item-integration: API_KEYS_FILE: keys\.0.*\n$/);
  expect(service.stderr).not.toContain('hunter2');
});
