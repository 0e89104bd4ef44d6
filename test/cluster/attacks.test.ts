// What an attacker sends to nginx: shapes that two servers could read differently, and ways around what is closed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../../stack/stack.ts';
import { HIDDEN, REFUSED, REFUSED_BY_INSTANCES, statusesOf, TAKEN } from '../support/hostile-requests.ts';

let dir: string;
let stack: Stack;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-attacks-'));
  stack = await startStack({ dir, instances: 1 });
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('a request that could be read in two ways', () => {
  test.each(Object.entries(REFUSED))('%s is refused, and nothing behind it is looked at', async (_name, raw) => {
    expect(await statusesOf(stack.url, raw)).toEqual({ statuses: [400], hasEnded: true });
  });

  test.each(Object.entries({ ...TAKEN, ...REFUSED_BY_INSTANCES }))(
    '%s has one answer, and what is behind it another one',
    async (_name, raw) => {
      const { statuses } = await statusesOf(stack.url, raw.endsWith(HIDDEN) ? raw : raw + HIDDEN);
      expect([200, 201, 409]).toContain(statuses[0]);
      expect(statuses.slice(1)).toEqual([404]);
    },
  );
});

const stream = (head: string) =>
  `POST /v1/items/batch HTTP/1.1\r\n${head}\r\nContent-Type: application/x-ndjson\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;

// They go on over HTTP/2, which refuses as a whole what HTTP/1.1 takes.
describe('a stream', () => {
  test.each([
    'Host: [::1]:80',
    'Host: a.local:',
    'Host: x\r\nProxy-Connection: keep-alive',
    'Host: x\r\nX-A: \x01\xff',
  ])('with %j is taken', async (head) => {
    expect((await statusesOf(stack.url, stream(head))).statuses).toEqual([200]);
  });
  test.each(['\xff', 'a"b', 'a@b', 'a\\b', '{a', 'a b', ''])(
    'for a host %j, which is none, is refused',
    async (host) => {
      expect((await statusesOf(stack.url, stream(`Host: ${host}`))).statuses).toEqual([400]);
    },
  );
});

describe('/metrics is not there, however it is spelled', () => {
  test.each([
    '/metrics',
    '/metrics?x',
    '/metrics#x',
    '/%6detrics',
    '//metrics',
    '/./metrics',
    '/v1/../metrics',
    '/v1/%2e%2e/metrics',
    '/metrics/',
    '/metrics;a',
    '/Metrics',
    '/metrics%00',
    '/metrics%0a',
    'http://x/metrics',
  ])('%s', async (target) => {
    for (const method of ['GET', 'HEAD', 'POST']) {
      const { statuses } = await statusesOf(
        stack.url,
        `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      );
      expect([400, 404, 405], method).toContain(statuses[0]);
    }
  });
});

test('what is internal to nginx is not there either', async () => {
  for (const path of ['/problem/bad-gateway', '/batch-as-json', '/nginx_status', '/problem/']) {
    expect((await fetch(`${stack.url}${path}`)).status, path).toBe(404);
  }
});

test('what a client says about itself reaches nobody', async () => {
  const forged = { 'x-attempt-id': 'mine', 'x-forwarded-for': '1.2.3.4', forwarded: 'for=1.2.3.4' };
  const post = () =>
    fetch(`${stack.url}/v1/items`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...forged },
      body: '{"content":"forged"}',
    });
  expect((await post()).status).toBe(201);
  // With an attempt id that got through, the second one would be a replay: 201.
  expect((await post()).status).toBe(409);
});
