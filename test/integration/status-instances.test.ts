// The status page of running services: who hears of whom through Redis, on which port it is, and how it ends.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snapshot } from '../../src/status/report.ts';
import { EventStream } from '../support/event-stream.ts';
import { createKey } from '../support/create-key.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ServiceProcess } from '../support/service-process.ts';

const dir = mkdtempSync(join(tmpdir(), 'items-status-'));
let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.started();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

const startService = (prefix: string, more: Record<string, string> = {}) =>
  new ServiceProcess({ REDIS_URL: redis.url, REDIS_KEY_PREFIX: prefix, ...more });

/** The first snapshot that is as wanted. */
async function snapshotWith(stream: EventStream, isWanted: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  for (let one = await stream.nextItem<Snapshot>(); one !== null; one = await stream.nextItem<Snapshot>()) {
    if (isWanted(one)) return one;
  }
  throw new Error('the stream ended');
}

async function keepSaving(base: string, signal: AbortSignal): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  for (let n = 0; !signal.aborted; n++) {
    const answer = await fetch(`${base}/v1/items`, { method: 'POST', headers, body: `{"content":"number ${n}"}` });
    await answer.body?.cancel();
    await setTimeout(100);
  }
}

const statusOf = async (base: string): Promise<number> => {
  const answer = await fetch(`${base}/status`);
  await answer.body?.cancel();
  return answer.status;
};

test('instances of one set hear of each other, of what each saves and of who drains, and of no other set', async () => {
  const prefix = `${randomUUID()}:`;
  // One after the other: together they take so long to start on two busy cores that they seem not to.
  await using stranger = startService(`${randomUUID()}:`);
  await stranger.ready();
  await using first = startService(prefix);
  const url = await first.ready();
  await using second = startService(prefix);
  const otherUrl = await second.ready();
  await using stream = await EventStream.open(`${url}/status/events`);
  const both = await snapshotWith(stream, ({ instances }) => instances.length === 2);
  const other = both.instances.find(({ id }) => id !== both.tellsId);
  expect(both).toMatchObject({ set: null, waiting: 0, rates: { saved: 0 } });

  // Again and again: what was saved in one second is in one report, and the next may be there before the first is shown.
  const isSeen = new AbortController();
  const saving = keepSaving(otherUrl, isSeen.signal);
  const saved = await snapshotWith(stream, ({ rates }) => rates.saved > 0).finally(() => isSeen.abort());
  await saving;
  expect(saved.instances.find(({ id }) => id === other?.id)?.rates.saved).toBe(saved.rates.saved);

  second.kill('SIGTERM');
  await snapshotWith(stream, ({ instances }) => instances.some(({ state }) => state === 'draining'));
  const alone = await snapshotWith(stream, ({ instances }) => instances.length === 1);
  expect(alone.instances[0]?.id).toBe(alone.tellsId);
});

test('where clients need keys it is on the port for operators only', async () => {
  const file = join(dir, 'api-keys.json');
  await createKey(file, 'acme');
  await using open = startService(`${randomUUID()}:`, { METRICS_PORT: '0' });
  await using closed = startService(`${randomUUID()}:`, { METRICS_PORT: '0', API_KEYS_FILE: file });
  const statuses: number[][] = [];
  for (const service of [open, closed]) {
    const url = await service.ready();
    const opsUrl = String(service.lines.find(({ msg }) => msg === 'listening')?.['opsUrl']);
    statuses.push([await statusOf(url), await statusOf(opsUrl)]);
  }
  expect(statuses).toEqual([
    [200, 200],
    [404, 200],
  ]);
});

test('whoever watches does not keep an instance from stopping, on either port', async () => {
  await using service = startService(`${randomUUID()}:`, { METRICS_PORT: '0', SHUTDOWN_GRACE_MS: '10000' });
  const url = await service.ready();
  const opsUrl = String(service.lines.find(({ msg }) => msg === 'listening')?.['opsUrl']);
  await using stream = await EventStream.open(`${url}/status/events`);
  await using opsStream = await EventStream.open(`${opsUrl}/status/events`);
  service.kill('SIGTERM');
  for (const one of [stream, opsStream]) {
    while ((await one.next()) !== null);
    expect(one.response.complete).toBe(true);
  }
  expect(await service.ended()).toEqual({ code: 0, signal: null });
  expect(service.lines.filter(({ level }) => level === 'error')).toEqual([]);
});
