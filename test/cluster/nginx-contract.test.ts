// Every kind of answer through nginx, its own errors included, held against the OpenAPI document.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../../stack/stack.ts';
import { waitFor } from '../../stack/wait.ts';
import { assertContract } from '../support/contract.ts';

let dir: string;
let stack: Stack;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-nginx-'));
  stack = await startStack({ dir, instances: 1, env: { METRICS_PORT: '0', CORS_ORIGINS: 'https://app.example' } });
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Asks nginx and checks the answer. */
async function ask(path: string, init: RequestInit = {}): Promise<Response & { readonly text: string }> {
  const answer = await fetch(`${stack.url}${path}`, { redirect: 'error', ...init });
  const body = await answer.text();
  assertContract({
    method: init.method ?? 'GET',
    url: path,
    sent: typeof init.body === 'string' ? init.body : undefined,
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    body,
  });
  return Object.assign(answer, { text: body });
}

const save = (content: unknown, headers: Record<string, string> = {}) =>
  ask('/v1/items', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ content }),
  });

test('saves, duplicates, replays and refusals are as documented', async () => {
  expect((await save('one')).status).toBe(201);
  expect((await save('one')).status).toBe(409);
  const key = { 'idempotency-key': 'nginx-1' };
  expect((await save('two', key)).status).toBe(201);
  expect((await save('two', key)).headers.get('idempotent-replayed')).toBe('true');
  expect((await save('three', key)).status).toBe(422);
  expect((await save('')).status).toBe(422);
  expect((await save('x', { 'idempotency-key': '""' })).status).toBe(400);
  expect((await save('x', { 'content-type': 'text/plain' })).status).toBe(415);
});

test('reads, and what a client has already, are as documented', async () => {
  const location = (await save('four')).headers.get('location') ?? '';
  for (const path of [location, '/v1/items', '/openapi.json', '/docs', '/problems', '/problems/duplicate-item']) {
    const first = await ask(path);
    expect(first.status, path).toBe(200);
    // nginx may have compressed it, and then says that the ETag is no longer that of the same bytes.
    const etag = first.headers.get('etag') ?? '';
    for (const method of ['GET', 'HEAD']) {
      expect((await ask(path, { method, headers: { 'if-none-match': etag } })).status, path).toBe(304);
      expect((await ask(path, { method, headers: { 'if-none-match': '"other"' } })).status, path).toBe(200);
    }
  }
  expect((await ask('/v1/items?limit=1')).headers.get('link')).toMatch(/rel="next"/);
  expect((await ask('/v1/items?limit=0')).status).toBe(422);
  expect((await ask('/v1/items/1-0-0')).status).toBe(404);
});

test('methods and addresses that are none are as documented', async () => {
  expect((await ask('/v1/items', { method: 'OPTIONS' })).headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST');
  expect((await ask('/v1/items', { method: 'PATCH' })).status).toBe(405);
  expect((await ask('/unknown')).status).toBe(404);
  expect((await ask('/metrics')).status).toBe(404);
  expect((await ask('/livez')).status).toBe(200);
  expect((await ask('/readyz')).status).toBe(200);
});

test('what nginx itself refuses is as documented', async () => {
  expect((await save('x'.repeat(420_000))).status).toBe(413);
  expect((await ask(`/v1/items/${'9'.repeat(9_000)}`)).status).toBe(414);
  expect((await ask('/v1/items', { headers: { 'x-long': 'x'.repeat(9_000) } })).status).toBe(431);
});

test('a preflight of an origin that is set is allowed, and its answers can be read', async () => {
  const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
  const preflight = await ask('/v1/items', { method: 'OPTIONS', headers });
  expect(preflight.headers.get('access-control-allow-origin')).toBe('https://app.example');
  expect((await ask('/v1/items', { headers })).headers.get('access-control-expose-headers')).toContain('X-Request-Id');
});

test('a gateway without instances is as documented', async () => {
  const [instance] = stack.instances;
  await instance!.kill();
  expect((await ask('/v1/items')).status).toBe(502);
  await instance!.start();
  // 502 while it does not listen, 503 while it starts: both are checked.
  await waitFor(async () => (await ask('/readyz')).status === 200, { timeoutMs: 30_000, what: 'not ready again' });
});
