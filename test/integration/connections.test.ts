// Connections that lose the master find it again, whatever they were doing at that moment.
import { once } from 'node:events';
import { expect, inject, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import { connect, leave } from '../../src/redis/connect.ts';
import { waitFor } from '../../stack/wait.ts';
import { accessTo, command, openTestStore, recordingObservers } from '../support/open-store.ts';
import { ownRedisSet } from '../support/own-redis-set.ts';

test('a client that is disconnected while it looks for the master comes back', async () => {
  const client = connect('commit', accessTo(inject('sentinels')), 500, recordingObservers([]));
  await once(client, 'ready');
  // The moment at which the library gives up: between asking a Sentinel and connecting.
  client.once('connecting', () => client.disconnect(true));
  let ended = 0;
  client.once('end', () => ended++);
  client.disconnect(true);
  await waitFor(() => ended === 1, { timeoutMs: 20_000, what: 'the library did not give up' });
  await waitFor(() => client.status === 'ready', { timeoutMs: 20_000, what: 'the client did not come back' });
  expect(await client.ping()).toBe('PONG');
  await leave([client], 1_000);
});

test('a client that has left stays away', async () => {
  const client = connect('commit', accessTo(inject('sentinels')), 500, recordingObservers([]));
  await once(client, 'ready');
  let reconnects = 0;
  client.on('connecting', () => reconnects++);
  await leave([client], 1_000);
  await waitFor(() => client.status === 'end', { timeoutMs: 20_000, what: 'the connection was not closed' });
  await expect(client.ping()).rejects.toThrow('Connection is closed');
  expect(reconnects).toBe(0);
});

test('a planned failover leaves no connection at the former master', async () => {
  await using own = await ownRedisSet({ downAfterMs: 1_000 });
  await using store = await openTestStore({ access: accessTo(own.set.sentinels), ackTimeoutMs: 300 });
  const before = await own.set.masterNode();
  await askRedis(own.set.sentinelNodes[0]!, ['SENTINEL', 'FAILOVER', own.set.masterName]);
  await waitFor(async () => (await own.set.master()) !== before.address, { timeoutMs: 20_000, what: 'no failover' });
  await waitFor(
    async () => {
      const clients = String(await askRedis(before, ['CLIENT', 'LIST', 'TYPE', 'normal']));
      return !/name=items-(commit|lock|command|read|feed)/.test(clients);
    },
    { timeoutMs: 20_000, what: 'the connections did not leave the former master' },
  );
  const result = await waitFor(
    async () => {
      const attempt = await store.items.commit([command('after the switchover')]);
      return attempt.kind === 'confirmed' && attempt;
    },
    { timeoutMs: 40_000, what: 'commits were not confirmed again' },
  );
  expect(result.verdicts).toHaveLength(1);
});
