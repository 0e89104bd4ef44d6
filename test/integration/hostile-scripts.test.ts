// Somebody with the password of the service's Redis user: what scripts of theirs can and cannot do to the set.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { askRedis, clientOptions } from '../../stack/ask-redis.ts';
import type { RedisNode } from '../../stack/redis-node.ts';
import { loginAs } from '../../stack/secrets.ts';
import { ownRedisSet } from '../support/own-redis-set.ts';

let own: Awaited<ReturnType<typeof ownRedisSet>>;
beforeAll(async () => {
  own = await ownRedisSet({ downAfterMs: 1_000, refuses: true });
});
afterAll(() => own[Symbol.asyncDispose]());

/** Runs a script as the service; its reply, or what it was refused with. */
async function run({ host, port }: RedisNode, script: string): Promise<unknown> {
  const client = new Redis({
    ...clientOptions({ host, port, ...loginAs(inject('secrets'), 'service') }),
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  client.on('error', () => {});
  try {
    return await client.call('EVAL', script, '0');
  } catch (error) {
    return (error as Error).message;
  } finally {
    client.disconnect();
  }
}

const isNone = (reply: unknown): boolean =>
  reply === null || (typeof reply === 'string' && reply.includes('nonexistent global variable'));
const replicaOf = (master: RedisNode): RedisNode => own.set.nodes.find((node) => node !== master)!;

test('a script gets at nothing beside Redis, and changes nothing that scripts of others use', async () => {
  const node = await own.set.masterNode();
  const names = ['io', 'package', 'require', 'debug', 'dofile', 'loadfile', 'print', 'newproxy'];
  for (const name of names)
    expect(await run(node, `return ${name} and 1`), name).toMatch(/nonexistent global variable/);
  // All of it that later versions have is os.clock.
  for (const name of ['execute', 'getenv', 'remove', 'exit'])
    expect(await run(node, `return os.${name} and 1`), name).toSatisfy(isNone);
  // CVE-2022-0543, CVE-2025-46818: what all scripts share is what another user's script would run.
  for (const change of [
    'string.x = 1',
    'redis.x = 1',
    'cjson.x = 1',
    'x = 1',
    'getmetatable("").__index = 1',
    'setmetatable(_G, {})',
    'rawset(_G, "x", 1)',
  ]) {
    expect(await run(node, `${change} return 1`), change).toMatch(
      /readonly table|nonexistent global|protect|nil value/,
    );
  }
  // Bytecode is not checked by Lua.
  expect(await run(node, 'return loadstring(string.dump(function() return 1 end))')).toBeNull();
});

test('a script cannot do what is not for scripts: wait, listen, log in, run others', async () => {
  const node = await own.set.masterNode();
  for (const command of [
    '"SUBSCRIBE", "test-status"',
    '"AUTH", "operator", "any"',
    '"SCRIPT", "LOAD", "return 1"',
    '"EVAL", "return 1", "0"',
    '"CLIENT", "LIST"',
    '"PUBLISH", "__sentinel__:hello", "forged"',
  ]) {
    expect(await run(node, `return redis.call(${command})`), command).toMatch(
      /not allowed|can't publish|No permissions/,
    );
  }
  // From 7.2 on it answers what there is, at once: more replicas than there are, for ever, would hold everybody up.
  expect(await run(node, 'return redis.call("WAIT", "9", "0")')).toSatisfy(
    (reply) => typeof reply === 'number' || /not allowed/.test(String(reply)),
  );
});

test('one that computes for ever is killed by the Sentinels, at a master and at a replica', async () => {
  const master = await own.set.masterNode();
  for (const node of [replicaOf(master), master]) {
    expect(await run(node, 'while true do end'), node.name).toMatch(/^ERR .*Script killed by user/);
    await own.set.settled();
  }
});

test('one that has written and goes on for ever cannot be killed: the Sentinels replace its master, and nothing of it stays', async () => {
  const stuck = await own.set.masterNode();
  await askRedis(stuck, ['SET', 'before', '1']);
  const everywhere = () => Promise.all(own.set.nodes.map((node) => askRedis(node, ['GET', 'before'])));
  await expect.poll(everywhere, eventually).toEqual(['1', '1', '1']);
  const running = run(stuck, 'redis.call("SET", "test-feed-mark", "forged") while true do end');
  await expect.poll(() => own.set.master(), eventually).not.toBe(stuck.address);
  await expect.poll(async () => (await own.set.masterNode()).address !== stuck.address, eventually).toBe(true);
  const next = await own.set.masterNode();
  expect(await askRedis(next, ['MGET', 'before', 'test-feed-mark'])).toEqual(['1', null]);
  await expect(askRedis(stuck, ['SCRIPT', 'KILL'])).rejects.toThrow(/^UNKILLABLE/);
  // Only a kill ends it; then it follows the new master, without what it had written.
  await stuck.kill();
  await running;
  await stuck.start();
  await own.set.settled();
  expect(await askRedis(stuck, ['MGET', 'before', 'test-feed-mark'])).toEqual(['1', null]);
});

const eventually = { timeout: 40_000, interval: 100 };
