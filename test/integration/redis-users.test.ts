// The users of Redis and Sentinel: each may do what its program does, and none of what would harm the items or the set.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { askRedis, clientOptions, type RedisAddress } from '../../stack/ask-redis.ts';
import { loginAs, type Role } from '../../stack/secrets.ts';
import { ownRedisSet } from '../support/own-redis-set.ts';

type Command = readonly [string, ...string[]];

/** What no program has a use for; some of it ends the promise of the service with one command. */
const HARM: readonly Command[] = [
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['KEYS', '*'],
  ['SCAN', '0'],
  ['DEBUG', 'JMAP'],
  ['SHUTDOWN', 'NOSAVE'],
  ['CONFIG', 'REWRITE'],
  ['ACL', 'LIST'],
  ['MODULE', 'LIST'],
  ['SLAVEOF', 'NO', 'ONE'],
  ['FAILOVER'],
  ['MIGRATE', 'host', '1', 'test-items:{0}', '0', '1'],
  ['SCRIPT', 'FLUSH'],
  ['FUNCTION', 'LIST'],
  ['CLIENT', 'LIST'],
  ['CLIENT', 'PAUSE', '1'],
  ['MONITOR'],
  ['PUBLISH', '__sentinel__:hello', 'forged'],
  ['SUBSCRIBE', '__sentinel__:hello'],
  ['PSUBSCRIBE', '*'],
];
const REPLICATION: readonly Command[] = [['PSYNC', '?', '-1'], ['REPLCONF', 'listening-port', '1'], ['SYNC']];
const ITEMS: readonly Command[] = [
  ['GET', 'test-meta'],
  ['SET', 'test-feed-mark', '1'],
  ['HSET', 'test-index:{0}:1', 'a', 'b'],
  ['EVAL', 'return 1', '0'],
];
const SETTINGS: readonly Command[] = [
  ['CONFIG', 'GET', '*'],
  ['CONFIG', 'SET', 'replica-priority', '100'],
  ['REPLICAOF', 'NO', 'ONE'],
];

const AT_NODES: Partial<Record<Role, Rights>> = {
  service: {
    may: [
      ['PING'],
      ['XADD', 'test-items:{0}', '*', 'c', 'x'],
      ['EVALSHA', 'any', '1', 'test-index:{0}:1'],
      ['PUBLISH', 'test-status', 'x'],
      ['SUBSCRIBE', 'test-status'],
    ],
    mayNot: [
      ...HARM,
      ...REPLICATION,
      ...SETTINGS,
      // Past the prefix, and past what is done to a kind of key.
      ['XADD', 'items:{0}', '*', 'c', 'x'],
      ['GET', 'other'],
      ['PUBLISH', 'status', 'x'],
      ['SUBSCRIBE', 'other-status'],
      ['SET', 'other', 'x'],
      ['EVAL', 'return 1', '1', 'other'],
      ['DEL', 'test-items:{0}'],
      ['SET', 'test-items:{0}', 'x'],
      ['DEL', 'test-meta'],
      ['RENAME', 'test-lock:{0}:a', 'test-lock:{0}:b'],
    ],
  },
  keeper: {
    may: [['PING'], ['ROLE'], ['INFO', 'replication'], ['CLIENT', 'SETNAME', 'x'], ...SETTINGS.slice(0, 2)],
    mayNot: [...HARM, ...ITEMS, ...REPLICATION],
  },
  replication: { may: [['PING'], ['DBSIZE']], mayNot: [...HARM, ...ITEMS, ...SETTINGS] },
  exporter: {
    // All that redis_exporter sends to a node, with the options that it has in docker-compose.yml.
    may: [
      ['CLIENT', 'SETNAME', 'redis_exporter'],
      ['INFO', 'ALL'],
      ['LATENCY', 'LATEST'],
      ['LATENCY', 'HISTOGRAM'],
      ['SLOWLOG', 'LEN'],
      ['SLOWLOG', 'GET', '1'],
    ],
    mayNot: [...HARM, ...ITEMS, ...SETTINGS, ...REPLICATION, ['SLOWLOG', 'RESET'], ['LATENCY', 'RESET']],
  },
  sentinel: {
    may: [['INFO'], ['CONFIG', 'REWRITE']],
    mayNot: [
      ...HARM.filter(([name, arg]) => arg !== '__sentinel__:hello' && name !== 'SLAVEOF' && arg !== 'REWRITE'),
      ['PUBLISH', 'other', 'x'],
      ...ITEMS,
      ...SETTINGS,
      ...REPLICATION,
    ],
  },
};

const CHANGES: readonly Command[] = [
  ['SENTINEL', 'SET', 'items', 'quorum', '1'],
  ['SENTINEL', 'REMOVE', 'items'],
  ['SENTINEL', 'FAILOVER', 'items'],
  ['SENTINEL', 'RESET', '*'],
  ['SENTINEL', 'MONITOR', 'other', '127.0.0.1', '1', '1'],
  ['SENTINEL', 'CONFIG', 'SET', 'announce-ip', '127.0.0.9'],
  ['SENTINEL', 'SIMULATE-FAILURE', 'help'],
  ['SHUTDOWN'],
  ['ACL', 'LIST'],
];
const HELLO: readonly Command[] = [
  ['PUBLISH', '__sentinel__:hello', 'forged'],
  ['SUBSCRIBE', '__sentinel__:hello'],
];

let own: Awaited<ReturnType<typeof ownRedisSet>>;
beforeAll(async () => {
  // One Sentinel decides by itself: longer than a busy machine holds the master up while a test writes to it.
  own = await ownRedisSet({ replicas: 1, sentinels: 1, downAfterMs: 6_000, refuses: true });
});
afterAll(() => own[Symbol.asyncDispose]());

type Rights = { readonly may: readonly Command[]; readonly mayNot: readonly Command[] };

const named = (commands: readonly Command[], verdict: string): string[] =>
  commands.map((command) => `${command.join(' ')}: ${verdict}`);

/** What the server would allow; nothing of it is run. */
async function verdicts(node: RedisAddress, role: Role, { may, mayNot }: Rights): Promise<string[]> {
  return Promise.all(
    [...may, ...mayNot].map(async (command) => {
      const answer = String(await askRedis(node, ['ACL', 'DRYRUN', role, ...command]));
      const verdict = answer === 'OK' ? 'allowed' : answer.replace(/^.*permissions.*$/s, 'refused');
      return `${command.join(' ')}: ${verdict}`;
    }),
  );
}

test('without a password nobody is let in, at the nodes and at the Sentinels', async () => {
  for (const { host, port } of [...own.set.nodes, ...own.set.sentinelNodes]) {
    const client = new Redis({ host, port, protocol: 2, enableReadyCheck: false, disableClientInfo: true });
    try {
      await expect(client.info()).rejects.toThrow(/^NOAUTH/);
      for (const user of ['default', 'service', 'operator']) {
        await expect(client.call('AUTH', user, 'any'), user).rejects.toThrow(/^WRONGPASS/);
      }
    } finally {
      client.disconnect();
    }
  }
});

describe('at a Redis node', () => {
  test.each(Object.entries(AT_NODES))('%s', async (role, rights) => {
    const expected = [...named(rights.may, 'allowed'), ...named(rights.mayNot, 'refused')];
    expect(await verdicts(await own.set.masterNode(), role as Role, rights)).toEqual(expected);
  });
});

describe('at a Sentinel', () => {
  const look: Command[] = [['PING'], ['SENTINEL', 'MASTER', 'items'], ['SENTINEL', 'REPLICAS', 'items']];
  const pace: Command = ['SENTINEL', 'DEBUG', 'INFO-PERIOD', '10000'];
  test.each<[Role, Command[], readonly Command[]]>([
    ['service', [...look, ['SUBSCRIBE', '+switch-master']], [...CHANGES, ...HELLO, pace]],
    ['keeper', [...look, pace, ['SUBSCRIBE', '+sdown']], [...CHANGES, ...HELLO]],
    ['replication', [['SENTINEL', 'MYID'], ...look.slice(1)], [...CHANGES, ...HELLO, pace]],
    [
      'exporter',
      [...look, ['SENTINEL', 'MASTERS'], ['SENTINEL', 'SLAVES', 'items'], ['SENTINEL', 'CKQUORUM', 'items']],
      [...CHANGES, ...HELLO, pace],
    ],
    ['sentinel', [['SENTINEL', 'CKQUORUM', 'items']], [...CHANGES, ['PUBLISH', '+switch-master', 'x']]],
  ])('%s', async (role, may, mayNot) => {
    const expected = [...named(may, 'allowed'), ...named(mayNot, 'refused')];
    expect(await verdicts(own.set.sentinelNodes[0]!, role, { may, mayNot })).toEqual(expected);
  });
});

test('a script of the service can do no more than the service', async () => {
  const { host, port } = await own.set.masterNode();
  const client = new Redis(clientOptions({ host, port, ...loginAs(inject('secrets'), 'service') }));
  const run = (script: string) => client.eval(script, 1, 'test-index:{0}:1');
  try {
    expect(await run('return redis.call("HSET", KEYS[1], "a", "b")')).toBe(1);
    for (const command of [
      '"SET", "other", "x"',
      '"FLUSHALL"',
      '"DEL", KEYS[1]',
      '"CONFIG", "GET", "*"',
      '"KEYS", "*"',
    ]) {
      await expect(run(`return redis.call(${command})`), command).rejects.toThrow(
        /permission|NOPERM|not allowed|user executing the script can't/,
      );
    }
  } finally {
    client.disconnect();
  }
  // What the other tests and the chaos suite ask at their end is answered truly.
  expect(await own.set.refused()).toEqual(
    expect.arrayContaining([expect.stringMatching(/^redis-\d: service, command flushall, 1 times/)]),
  );
});

test('what a script wrote is there after a restart: the default user is off, and loads the append-only file', async () => {
  const node = await own.set.masterNode();
  await askRedis(node, ['EVAL', 'redis.call("SET", "a", "1") redis.call("SET", "b", "2")', '0']);
  await node.kill();
  await node.start();
  await node.ready();
  expect(await askRedis(node, ['MGET', 'a', 'b'])).toEqual(['1', '2']);
  expect(node.lastLogLines(100).filter((line) => line.includes('CRITICAL'))).toEqual([]);
});
