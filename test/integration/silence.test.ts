// Whoever falls silent without closing its connections is noticed in time for a save to go elsewhere.
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { connect, connectToSentinel, leave } from '../../src/redis/connect.ts';
import type { StoreAccess } from '../../src/redis/connection-options.ts';
import { waitFor } from '../../stack/wait.ts';
import { accessTo, command, openTestStore, recordingObservers } from '../support/open-store.ts';
import { askRedis } from '../../stack/ask-redis.ts';
import { ownRedisSet, pauseAll, resumeAll } from '../support/own-redis-set.ts';
import { RedisServer } from '../support/redis-server.ts';
import { SilentProxy } from '../support/silent-proxy.ts';

/** A failover takes 2 to 5 s; whoever notices later than this makes it longer. */
const NOTICED_WITHIN_MS = 2_500;

const noticed = { timeout: NOTICED_WITHIN_MS, interval: 20 };

test('a Sentinel that is paused, the first in the list', async () => {
  await using own = await ownRedisSet();
  const access = accessTo(own.set.sentinels);
  await using store = await openTestStore({ access });
  const [first] = own.set.sentinelNodes;
  await pauseAll(first!);
  // It holds up neither the view of the others nor a connection that looks for the master and asks it first.
  const client = connect('command', access, 500, recordingObservers([]));
  await expect.poll(() => client.status, noticed).toBe('ready');
  await leave([client], 1_000);
  await expect.poll(() => store.seen, noticed).toContain('down sentinel');
  const commit = async () => (await store.items.commit([command('one Sentinel is paused')])).kind;
  await expect.poll(commit, noticed).toBe('confirmed');
  await resumeAll(first!);
});

test('a listener at a paused Sentinel subscribes anew without an unhandled rejection, which would end the process', async () => {
  // Without a password, because with one the client waits for the answer to that before it is ready; and any Redis will
  // do, because nothing but SUBSCRIBE and PING is sent.
  await using sentinel = await RedisServer.started();
  const { hostname: host, port } = new URL(sentinel.url);
  const { commands, events } = connectToSentinel(
    { host, port: Number(port) },
    {} as StoreAccess,
    recordingObservers([]),
  );
  let [connected, subscribed] = [0, 0];
  const rejected: unknown[] = [];
  const note = (reason: unknown) => rejected.push(reason);
  process.on('unhandledRejection', note);
  events.on('ready', () => {
    connected++;
    events.subscribe('+sdown').then(
      () => subscribed++,
      () => {},
    );
  });
  await expect.poll(() => subscribed, noticed).toBe(1);
  sentinel.pause();
  // To a paused process one can connect, and only the first command tells.
  await expect.poll(() => connected, { ...noticed, timeout: 20_000 }).toBeGreaterThan(3);
  sentinel.resume();
  await expect.poll(() => subscribed, { ...noticed, timeout: 20_000 }).toBeGreaterThan(1);
  process.off('unhandledRejection', note);
  await leave([commands, events], 1_000);
  expect(rejected).toEqual([]);
});

test('a master that is paused', async () => {
  // Long enough that the Sentinels, who would make the connections leave, do nothing.
  await using own = await ownRedisSet({ downAfterMs: 60_000 });
  await using store = await openTestStore({ access: accessTo(own.set.sentinels) });
  const master = await own.set.masterNode();
  // One of each is under way when it happens, or sent a moment later: once the view is too old, which takes a second, no
  // commit is sent any more. Each by itself, because who waits for a lock that is not answered sends no commit.
  let isOver = false;
  const again = (ask: () => Promise<unknown>) =>
    waitFor(async () => (await ask(), isOver), { timeoutMs: 60_000, everyMs: 10, what: 'the test did not end' });
  const { key } = command('into the void');
  const busy = Promise.all([
    again(() => store.items.commit([command('into the void')])),
    again(() => store.locks.acquire(key)),
    again(() => store.ping()),
  ]);
  await pauseAll(master);
  const downs = ['down commit', 'down lock', 'down command', 'down watch'];
  await expect.poll(() => store.seen, noticed).toEqual(expect.arrayContaining(downs));
  isOver = true;
  await busy;
  await resumeAll(master);
});

test('a connection whose other end is gone without a word', async () => {
  await using own = await ownRedisSet({ replicas: 0, sentinels: 1 });
  await using proxy = await SilentProxy.to((await own.set.masterNode()).port);
  const seen: string[] = [];
  const url = `redis://127.0.0.1:${proxy.port}`;
  // The longest silence that any connection has: that of commits with the default ACK_TIMEOUT_MS.
  const access: StoreAccess = { ...accessTo(own.set.sentinels), target: { kind: 'standalone', url } };
  const client = connect('commit', access, 1_000, recordingObservers(seen));
  await once(client, 'ready');
  proxy.fallSilent();
  const reply = client.ping().catch(String);
  await expect.poll(() => seen, noticed).toContain('down commit');
  await expect.poll(() => client.status, noticed).toBe('ready');
  expect(await client.ping()).toBe('PONG');
  expect(await reply).not.toBe('PONG');
  await leave([client], 1_000);
});

test('a Sentinel whose connections are silent, also the one that only listens', async () => {
  await using own = await ownRedisSet({ replicas: 0, sentinels: 1 });
  await using proxy = await SilentProxy.to(own.set.sentinelNodes[0]!.port);
  const address = { host: '127.0.0.1', port: proxy.port };
  const { commands, events } = connectToSentinel(address, accessTo(own.set.sentinels), recordingObservers([]));
  await Promise.all([once(commands, 'ready'), once(events, 'ready')]);
  await events.subscribe('+switch-master');
  let reconnects = 0;
  events.on('reconnecting', () => reconnects++);
  proxy.fallSilent();
  await expect.poll(() => reconnects, noticed).toBeGreaterThan(0);
  await expect.poll(() => events.status, noticed).toBe('ready');
  await leave([commands, events], 1_000);
});

test('a planned failover', async () => {
  await using own = await ownRedisSet({ downAfterMs: 1_000 });
  await using store = await openTestStore({ access: accessTo(own.set.sentinels) });
  const before = await own.set.master();
  await askRedis(own.set.sentinelNodes[0]!, ['SENTINEL', 'FAILOVER', own.set.masterName]);
  const isReplaced = async () => (await own.set.master()) !== before;
  await waitFor(isReplaced, { timeoutMs: 20_000, what: 'no failover' });
  const after = await own.set.master();
  const moved = [`master ${after}`, 'up commit', 'up lock', 'up command'];
  await expect.poll(() => store.seen, noticed).toEqual(expect.arrayContaining(moved));
});
