// The user "keeper" that the start guard makes on every node: what the keeper needs, and nothing that touches items.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import type { Launcher } from '../../stack/launcher.ts';
import { ownRedisSet } from '../support/own-redis-set.ts';
import { redisLauncher } from '../support/redis-backend.ts';

const MAY = [
  ['PING'],
  ['ROLE'],
  ['INFO', 'replication'],
  ['CLIENT', 'SETNAME', 'keeper'],
  ['CONFIG', 'GET', 'replica-priority'],
  ['CONFIG', 'SET', 'replica-priority', '100'],
] as const;
const MAY_NOT = [
  ['GET', 'key'],
  ['SET', 'key', 'value'],
  ['EVAL', 'return 1', '0'],
  ['KEYS', '*'],
  ['FLUSHALL'],
  ['SHUTDOWN', 'NOSAVE'],
  ['CONFIG', 'REWRITE'],
  ['CLIENT', 'KILL', 'TYPE', 'normal'],
  ['CLIENT', 'PAUSE', '1'],
  ['ACL', 'LIST'],
  ['SUBSCRIBE', 'channel'],
  ['SLAVEOF', 'NO', 'ONE'],
] as const;

test('the keeper may look, mark and demote, and neither read nor write items', async () => {
  await using own = await ownRedisSet({ replicas: 1, sentinels: 1 });
  const master = await own.set.masterNode();
  const replica = own.set.nodes.find((node) => node !== master)!;
  const keeper = new Redis({
    host: '127.0.0.1',
    port: replica.port,
    username: 'keeper',
    password: 'any will do where none is set',
    disableClientInfo: true,
  });
  try {
    for (const [command, ...args] of MAY) await keeper.call(command, ...args);
    // To whom it follows already: Redis answers OK and changes nothing.
    expect(await keeper.call('REPLICAOF', '127.0.0.1', `${master.port}`)).toMatch(/^OK/);
    for (const [command, ...args] of MAY_NOT) {
      await expect(keeper.call(command, ...args), command).rejects.toThrow(/^NOPERM/);
    }
    // DEBUG is shut for everybody before anybody's rights are looked at.
    await expect(keeper.call('DEBUG', 'SLEEP', '0')).rejects.toThrow(/not allowed|NOPERM/);
  } finally {
    keeper.disconnect();
  }
});

test('a keeper with a password is let in with that one only', async () => {
  const password = String.raw`it's "my" \ word`;
  const logDir = await mkdtemp(join(tmpdir(), 'items-keeper-'));
  const inner = redisLauncher(inject('redisBackend'), logDir);
  const launcher: Launcher = {
    start: (program) => inner.start({ ...program, env: { ...program.env, KEEPER_PASSWORD: password } }),
  };
  try {
    await using own = await ownRedisSet({ launcher, replicas: 0, sentinels: 1 });
    const master = await own.set.masterNode();
    expect(await askRedis(master, ['AUTH', 'keeper', password])).toBe('OK');
    await expect(askRedis(master, ['AUTH', 'keeper', 'any'])).rejects.toThrow(/^WRONGPASS/);
  } finally {
    await rm(logDir, { recursive: true });
  }
});
