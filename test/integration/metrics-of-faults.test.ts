// Metrics of faults: each is made to happen in a Redis set of the test's own, and the service counts it by its reason.
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import { loginSettings } from '../../stack/secrets.ts';
import { scrape, sumOf } from '../support/metrics-text.ts';
import { ownRedisSet, pauseAll, resumeAll } from '../support/own-redis-set.ts';
import { repeat, type Repeated } from '../support/repeat.ts';
import { ServiceProcess } from '../support/service-process.ts';

let own: Awaited<ReturnType<typeof ownRedisSet>>;
let service: ServiceProcess;
let url: string;

beforeAll(async () => {
  // Long enough that a node that a test pauses is not taken for down.
  own = await ownRedisSet({ downAfterMs: 20_000 });
  service = new ServiceProcess({
    REDIS_SENTINELS: own.set.sentinels,
    ...loginSettings(inject('secrets'), 'service'),
    REDIS_KEY_PREFIX: `test-${randomUUID()}:`,
    ACK_TIMEOUT_MS: '300',
    // Longer than any fault lasts on a busy machine: all that is posted meanwhile is saved when it is over.
    SAVE_DEADLINE_MS: '50000',
    LOG_LEVEL: 'info',
  });
  url = await service.ready();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await own[Symbol.asyncDispose]();
});

const metric = async (name: string, ...labels: string[]): Promise<number> => sumOf(await scrape(url), name, ...labels);
const failures = (reason: string) => metric('replication_ack_failures_total', `reason="${reason}"`);
const eventually = { timeout: 30_000, interval: 50 };

async function post(): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ content: randomUUID() });
  const answer = await fetch(`${url}/v1/items`, { method: 'POST', headers, body });
  await answer.arrayBuffer();
  return answer.status;
}

type Fault = {
  readonly start: () => Promise<unknown>;
  readonly end?: () => Promise<unknown>;
  readonly status?: number;
};

/** To the master, as the operator. */
const atMaster = async (...command: [string, ...string[]]) => askRedis(await own.set.masterNode(), command);
const replica = async () => {
  const master = await own.set.masterNode();
  return own.set.nodes.find((node) => node !== master)!;
};
const silent: Awaited<ReturnType<typeof replica>>[] = [];
let busy: Repeated;

/** Keeps the master busy for a moment, and lets it answer for a moment. */
async function beBusy(): Promise<void> {
  const running = atMaster('EVAL', 'while true do end', '0').catch(() => {});
  await setTimeout(200);
  await killScript();
  await running;
  await setTimeout(200);
}
const killScript = () => atMaster('SCRIPT', 'KILL').catch(() => 'nothing runs');

/** A script ends a moment after it was killed, and its node is busy until then. */
async function killAndCalm(): Promise<unknown> {
  await killScript();
  return atMaster('CONFIG', 'SET', 'busy-reply-threshold', '1000').catch(() => 'busy');
}

// The others, for which a set is too much or not enough, are in metrics-of-stores.test.ts.
const FAULTS: Readonly<Record<string, Fault>> = {
  noreplicas: {
    start: () => atMaster('CONFIG', 'SET', 'min-replicas-to-write', '9'),
    end: () => atMaster('CONFIG', 'SET', 'min-replicas-to-write', '0'),
  },
  oom: {
    start: () => atMaster('CONFIG', 'SET', 'maxmemory', '1mb'),
    end: () => atMaster('CONFIG', 'SET', 'maxmemory', '0'),
    status: 507,
  },
  busy: {
    async start() {
      await atMaster('CONFIG', 'SET', 'busy-reply-threshold', '1');
      // Again and again: to a master that says nothing else for a second no commit is sent, so none would find it busy.
      busy = repeat(beBusy);
    },
    async end() {
      await busy.stop();
      await expect.poll(killAndCalm, eventually).toBe('OK');
    },
  },
  short_wait: {
    async start() {
      silent.push(await replica());
      await pauseAll(...silent);
    },
    end: () => resumeAll(...silent),
  },
  no_view: {
    start: () => pauseAll(...own.set.sentinelNodes.slice(1)),
    end: () => resumeAll(...own.set.sentinelNodes.slice(1)),
  },
};

describe('replication_ack_failures_total', () => {
  test.each(Object.entries(FAULTS))('%s', async (reason, { start, end = async () => {}, status = 201 }) => {
    await expect.poll(post, eventually).toBe(201);
    const before = await failures(reason);
    await start();
    // Each is tried again until the fault is over, or its deadline; a full memory is the last word. The first may still go
    // by what the service knew of the set a second ago.
    const answers: Promise<number>[] = [];
    const countAnother = () => {
      answers.push(post());
      return failures(reason);
    };
    try {
      await expect.poll(countAnother, eventually).toBeGreaterThan(before);
      if (status !== 201) await Promise.all(answers);
    } finally {
      await end();
    }
    expect(new Set(await Promise.all(answers))).toEqual(new Set([status]));
  });
});

test('redis_master_changes_total, and why commits failed meanwhile: the master is moved', async () => {
  await expect.poll(post, eventually).toBe(201);
  const before = await own.set.masterNode();
  const changes = await metric('redis_master_changes_total');
  // Six to the master, and one to each Sentinel; those that were silent come back one by one.
  await expect.poll(() => metric('redis_connection_up'), eventually).toBe(9);
  const reconnects = await metric('redis_reconnects_total');
  await askRedis(own.set.sentinelNodes[0]!, ['SENTINEL', 'FAILOVER', own.set.masterName]);
  await expect.poll(() => own.set.master(), eventually).not.toBe(before.address);
  await expect.poll(() => metric('redis_master_changes_total'), eventually).toBe(changes + 1);
  await expect.poll(post, eventually).toBe(201);
  expect(await metric('redis_reconnects_total')).toBeGreaterThan(reconnects);
  await expect.poll(() => metric('redis_connection_up'), eventually).toBe(9);
});

// It comes back when the Sentinels have replaced it, which takes them 20 s and more.
test(
  'redis_connection_up falls when the master is gone, and attempts to reconnect are counted',
  { timeout: 150_000 },
  async () => {
    await expect.poll(() => metric('redis_connection_up', 'connection="commit"'), eventually).toBe(1);
    const master = await own.set.masterNode();
    const reconnects = await metric('redis_reconnects_total', 'connection="commit"');
    await master.kill();
    await expect.poll(() => metric('redis_connection_up', 'connection="commit"'), eventually).toBe(0);
    await expect
      .poll(() => metric('redis_reconnects_total', 'connection="commit"'), eventually)
      .toBeGreaterThan(reconnects);
    await master.start();
    await expect.poll(() => metric('redis_connection_up', 'connection="commit"'), { timeout: 50_000 }).toBe(1);
  },
);
