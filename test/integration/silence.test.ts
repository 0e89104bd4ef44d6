// Whoever falls silent without closing its connections is noticed in time for a save to go elsewhere.
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
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
const NAP_MS = 20;

/**
 * Fails when it does not come true within that time, counted in naps: a machine that holds this process up, and with it the
 * connections that are to notice, makes each of them longer.
 */
async function expectNoticed(isNoticed: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let naps = 0; !(await isNoticed()); naps++) {
    if (naps * NAP_MS > NOTICED_WITHIN_MS) throw new Error(`${what} within ${NOTICED_WITHIN_MS} ms`);
    await setTimeout(NAP_MS);
  }
}

const eventually = { timeout: 20_000, interval: NAP_MS };

test('a Sentinel that is paused, the first in the list', async () => {
  await using own = await ownRedisSet({ downAfterMs: 60_000 });
  const access = accessTo(own.set.sentinels);
  await using store = await openTestStore({ access });
  const [first] = own.set.sentinelNodes;
  await pauseAll(first!);
  // It holds up neither the view of the others nor a connection that looks for the master and asks it first.
  const client = connect('command', access, 500, recordingObservers([]));
  await expectNoticed(() => client.status === 'ready', 'the master was not found');
  await leave([client], 1_000);
  await expectNoticed(() => store.seen.includes('down sentinel'), 'the Sentinel was not left');
  const isConfirmed = async () => (await store.items.commit([command('one Sentinel is paused')])).kind === 'confirmed';
  await expectNoticed(isConfirmed, 'nothing was confirmed');
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
  await expect.poll(() => subscribed, eventually).toBe(1);
  sentinel.pause();
  // To a paused process one can connect, and only the first command tells.
  await expect.poll(() => connected, eventually).toBeGreaterThan(3);
  sentinel.resume();
  await expect.poll(() => subscribed, eventually).toBeGreaterThan(1);
  process.off('unhandledRejection', note);
  await leave([commands, events], 1_000);
  expect(rejected).toEqual([]);
});

test('a master that is paused', async () => {
  // Long enough that the Sentinels, who would make the connections leave, do nothing.
  await using own = await ownRedisSet({ downAfterMs: 60_000 });
  await using store = await openTestStore({
    access: accessTo(own.set.sentinels),
    ackTimeoutMs: 1_000,
    deadlineMs: 1_000,
  });
  const master = await own.set.masterNode();
  // One of each is under way when it happens, or sent a moment later: once the view is too old, which takes a second, no
  // commit is sent any more. Each by itself, because who waits for a lock that is not answered sends no commit.
  let isOver = false;
  const again = (ask: () => Promise<unknown>) =>
    waitFor(async () => (await ask(), isOver), { timeoutMs: 60_000, everyMs: 10, what: 'the test did not end' });
  const { key } = command('into the void');
  const busy = Promise.all([
    again(() => store.items.commit([command('into the void')])),
    // Over the connection of the commits, and begins with a read, whatever is known of the set.
    again(() => store.erasure.erase({ ms: 1, seq: 1, partition: 0 }).catch(() => {})),
    again(() => store.locks.acquire(key)),
    again(() => store.ping()),
  ]);
  await pauseAll(master);
  const downs = ['down commit', 'down lock', 'down command', 'down watch'];
  await expectNoticed(() => downs.every((down) => store.seen.includes(down)), 'the master was not left');
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
  await expectNoticed(() => seen.includes('down commit'), 'the connection was not left');
  await expectNoticed(() => client.status === 'ready', 'there was no other connection');
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
  await expectNoticed(() => reconnects > 0, 'the connection was not left');
  await expectNoticed(() => events.status === 'ready', 'there was no other connection');
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
  await expectNoticed(() => moved.every((line) => store.seen.includes(line)), 'the connections did not move');
});
