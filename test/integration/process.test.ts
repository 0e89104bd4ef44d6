// The service as a process: what it says when it cannot start, how it stops, and what it does without Redis.
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RedisServer } from '../support/redis-server.ts';
import { ServiceProcess } from '../support/service-process.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.started();
});
afterAll(() => redis[Symbol.asyncDispose]());

/** Settings for a service that shares no data with any other. */
const settings = (more: Record<string, string> = {}) => ({
  REDIS_URL: redis.url,
  REDIS_KEY_PREFIX: `${randomUUID()}:`,
  ...more,
});

type Answer = { readonly status: number; readonly connection: string | undefined; readonly body: string };

/** Unlike fetch it shows the Connection header; it uses a connection of its own and would keep it. */
async function send(url: string, method: string, body?: string): Promise<Answer> {
  const agent = new Agent({ keepAlive: true });
  const outgoing = request(url, { method, agent, headers: { 'content-type': 'application/json' } });
  outgoing.end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const { statusCode: status = 0, headers } = incoming;
  const answer = { status, connection: headers.connection, body: await text(incoming) };
  agent.destroy();
  return answer;
}

const post = (url: string, content: string) => send(`${url}/v1/items`, 'POST', JSON.stringify({ content }));

/** Posts a content while Redis is paused, and returns once the service is at it. */
async function saveInFlight(service: ServiceProcess, url: string): Promise<{ answer: Promise<Answer> }> {
  redis.pause();
  const answer = post(url, 'in flight');
  // Its failure is the test's to notice when it awaits the answer.
  answer.catch(() => {});
  await service.until(
    async () => /^item_saves_pending 1$/m.test(await (await fetch(`${url}/metrics`)).text()),
    'the save did not begin',
  );
  return { answer };
}

describe('a start that must fail ends with code 1 and one line', () => {
  test.each<[string, Record<string, string>, RegExp]>([
    ['a value out of range', { REDIS_URL: 'redis://127.0.0.1:1', PARTITIONS: '0' }, /PARTITIONS must be at least 1/],
    ['no store', {}, /neither REDIS_URL nor REDIS_SENTINELS/],
    ['a contradiction', { REDIS_URL: 'redis://h', LOCK_TTL_MS: '1500' }, /LOCK_TTL_MS .* ACK_TIMEOUT_MS/],
    ['a secret that cannot be read', { REDIS_PASSWORD_FILE: '/does/not/exist' }, /REDIS_PASSWORD_FILE .*ENOENT/],
    ['a misspelled name', { REDIS_SENTINEL: 'a:1' }, /did you mean REDIS_SENTINELS/],
    ['a proxy that is none', { REDIS_URL: 'redis://127.0.0.1:1', TRUST_PROXY: 'nginx' }, /TRUST_PROXY: nginx/],
  ])('%s', async (_name, env, line) => {
    await using service = new ServiceProcess(env);
    expect(await service.ended()).toEqual({ code: 1, signal: null });
    expect(service.stderr).toMatch(/^item-integration: [^\n]+\n$/);
    expect(service.stderr).toMatch(line);
    expect(service.stdout).toBe('');
  });

  test('a port that is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    await using service = new ServiceProcess(settings({ PORT: String(port) }));
    expect(await service.ended()).toEqual({ code: 1, signal: null });
    expect(service.stderr).toMatch(new RegExp(`^item-integration: [^\n]*EADDRINUSE[^\n]*:${port}\n$`));
    holder.close();
  });

  test('data that was made with other settings', async () => {
    const env = settings({ PARTITIONS: '16' });
    {
      await using first = new ServiceProcess(env);
      await first.ready();
    }
    await using second = new ServiceProcess({ ...env, PARTITIONS: '8' });
    expect(await second.ended()).toEqual({ code: 1, signal: null });
    expect(second.stderr).toMatch(/^item-integration: [^\n]*PARTITIONS[^\n]*partitions is 16, this process has 8\n$/);
    await using third = new ServiceProcess(env);
    await third.ready();
  });
});

test('without Redis it starts, says that it is not ready, and takes traffic when Redis comes', async () => {
  await using late = await RedisServer.reserve();
  await using service = new ServiceProcess({ REDIS_URL: late.url });
  const url = await service.url();
  expect(await (await fetch(`${url}/livez`)).json()).toEqual({ status: 'alive' });
  const before = await fetch(`${url}/readyz`);
  expect(before.status).toBe(503);
  expect(await before.json()).toMatchObject({ code: 'not-ready', state: 'starting', storeReachable: false });
  late.start();
  await service.ready();
  expect((await post(url, 'first')).status).toBe(201);
});

describe('SIGTERM', () => {
  test('an idle process ends with code 0 and nothing on stderr', async () => {
    await using service = new ServiceProcess(settings({ SHUTDOWN_GRACE_MS: '2000' }));
    const url = await service.ready();
    expect((await post(url, 'a')).status).toBe(201);
    service.kill('SIGTERM');
    expect(await service.ended()).toEqual({ code: 0, signal: null });
    expect(service.stderr).toBe('');
    expect(service.lines.at(-1)).toMatchObject({ level: 'info', msg: 'stopped' });
    await expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed');
  });

  test('a save in flight is answered; meanwhile it is not ready and every answer ends its connection', async () => {
    await using service = new ServiceProcess(settings());
    const url = await service.ready();
    expect((await send(`${url}/livez`, 'GET')).connection).not.toBe('close');
    try {
      const { answer } = await saveInFlight(service, url);
      service.kill('SIGTERM');
      const notReady = await service.until(async () => {
        const ready = await send(`${url}/readyz`, 'GET');
        return ready.status === 503 && ready;
      }, '/readyz did not turn 503');
      expect(notReady.connection).toBe('close');
      expect(JSON.parse(notReady.body)).toMatchObject({ code: 'not-ready', state: 'draining' });
      expect(await send(`${url}/livez`, 'GET')).toMatchObject({ status: 200, connection: 'close' });
      redis.resume();
      expect(await answer).toMatchObject({ status: 201, connection: 'close' });
    } finally {
      redis.resume();
    }
    expect(await service.ended()).toEqual({ code: 0, signal: null });
    expect(service.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });

  test('a save that the store keeps waiting for longer than the grace time does not keep the process', async () => {
    await using service = new ServiceProcess(settings({ SHUTDOWN_GRACE_MS: '1000' }));
    const url = await service.ready();
    try {
      const { answer } = await saveInFlight(service, url);
      service.kill('SIGTERM');
      expect(await service.ended()).toEqual({ code: 0, signal: null });
      expect(service.lines.filter(({ level }) => level === 'error')).not.toEqual([]);
      await expect(answer).rejects.toThrow(/./);
    } finally {
      redis.resume();
    }
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('a second signal, %s, ends it at once with code 1', async (second) => {
    await using service = new ServiceProcess(settings());
    const url = await service.ready();
    try {
      await saveInFlight(service, url);
      service.kill('SIGTERM');
      await service.until(() => service.lines.some(({ msg }) => msg === 'draining'), 'it did not begin to drain');
      service.kill(second);
      expect(await service.ended()).toEqual({ code: 1, signal: null });
    } finally {
      redis.resume();
    }
    const fatal = service.lines.filter(({ level }) => level === 'fatal');
    expect(fatal).toEqual([expect.objectContaining({ signal: second }) as unknown]);
    expect(service.lines.some(({ msg }) => msg === 'stopped')).toBe(false);
  });
});

/** JavaScript that does something at this signal, from outside of the service's code. */
const atSignal = (code: string) => `process.once('SIGUSR2', () => setTimeout(() => { ${code} }))`;

describe('an unhandled error is logged once, as fatal and with its stack, and ends the process with code 1', () => {
  test.each([
    ['thrown in a timer', "throw new Error('boom')"],
    ['rejected and not awaited', "void Promise.reject(new Error('boom'))"],
  ])('%s', async (_name, code) => {
    await using service = new ServiceProcess(settings(), atSignal(code));
    // Not before: a process that is still loading has nobody who would log it.
    await service.ready();
    service.kill('SIGUSR2');
    expect(await service.ended()).toEqual({ code: 1, signal: null });
    const errors = service.lines.filter(({ level }) => level === 'error' || level === 'fatal');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({
      level: 'fatal',
      err: { message: 'boom', stack: expect.stringMatching(/\n +at /) as string },
    });
    expect(service.stderr).toBe('');
  });
});
