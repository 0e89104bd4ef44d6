// Every command that a Redis node and a Sentinel have, tried for every role: what is granted is what is listed here.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { clientOptions, type RedisAddress } from '../../stack/ask-redis.ts';
import type { Role } from '../../stack/secrets.ts';
import { ownRedisSet } from '../support/own-redis-set.ts';

/** One name of each kind that a right can be about, and names that are nobody's. */
const KINDS = {
  items: 'test-items:{0}',
  index: 'test-index:{0}:1',
  counts: 'test-counts:{0}',
  lock: 'test-lock:{0}:a',
  record: 'test-key:{k}:a',
  mark: 'test-feed-mark',
  meta: 'test-meta',
  status: 'test-status',
  other: 'other',
  hello: '__sentinel__:hello',
} as const;
const OF_SCRIPTS = 'items,index,counts,lock,record,mark,meta';

/** `command`, or `command(kinds)` where it is not granted for all of them. */
const AT_NODES: Partial<Record<Role, string>> = {
  service:
    `client|setinfo client|setname del(lock) eval(${OF_SCRIPTS}) evalsha(${OF_SCRIPTS}) exists(lock) get(lock,record) ` +
    'hdel(index) hget(index,counts) hgetall(meta) hincrby(counts) hmget(counts) hset(index) hsetnx(meta) info mget(lock) ping ' +
    'publish(status) role script|load set(lock,record,mark) subscribe(status) wait ' +
    'xadd(items) xdel(items) xlen(items) xrange(items) xrevrange(items)',
  keeper: 'client|setinfo client|setname config|get config|set info ping replicaof role',
  replication: 'dbsize info ping psync replconf',
  sentinel:
    'client|kill client|setinfo client|setname config|rewrite exec info multi ping publish(hello) role script|kill slaveof subscribe(hello)',
  exporter: 'client|setinfo client|setname info latency|histogram latency|latest ping slowlog|get slowlog|len',
};
const NAMED = 'sentinel|master sentinel|replicas';
const AT_SENTINELS: Partial<Record<Role, string>> = {
  service: `client|setinfo client|setname info ping sentinel|get-master-addr-by-name ${NAMED} sentinel|sentinels`,
  keeper: `client|setinfo client|setname info ping sentinel|debug sentinel|get-master-addr-by-name ${NAMED} sentinel|sentinels`,
  // All of COMMAND: what redis-cli asks for when it reads its commands from a file differs by version.
  replication:
    'command|count command|docs command|getkeys command|getkeysandflags command|help command|info command|list ' +
    'sentinel|get-master-addr-by-name sentinel|master sentinel|myid sentinel|replicas',
  sentinel: 'client|setinfo client|setname ping publish(hello) sentinel|ckquorum sentinel|is-master-down-by-addr',
  exporter: `client|setinfo client|setname info ping sentinel|ckquorum ${NAMED.replace(' ', ' sentinel|masters ')} sentinel|sentinels sentinel|slaves`,
};
/** Whoever is not logged in may log in, and leave. */
const FOR_EVERYBODY = ['auth', 'hello', 'quit', 'reset'];

let own: Awaited<ReturnType<typeof ownRedisSet>>;
beforeAll(async () => {
  own = await ownRedisSet({ replicas: 0, sentinels: 1, refuses: true });
});
afterAll(() => own[Symbol.asyncDispose]());

type Entry = readonly [name: string, arity: number, ...rest: unknown[], subcommands: readonly Entry[]];
type Known = { readonly words: readonly string[]; readonly arity: number };

async function commandsOf(client: Redis): Promise<Known[]> {
  const entries = (await client.call('COMMAND')) as Entry[];
  return entries.flatMap((entry) => {
    const subcommands = entry[9] as readonly Entry[] | undefined;
    const all = subcommands === undefined || subcommands.length === 0 ? [entry] : subcommands;
    return all.map(([name, arity]) => ({ words: name.split('|'), arity: Math.abs(arity) }));
  });
}

/** As short as the command may be, with the same name wherever it takes one. */
function argumentsOf({ words, arity }: Known, name: string): string[] {
  if (/^(eval|fcall)/.test(words[0] ?? '')) return ['any', '1', name];
  return Array.from({ length: Math.max(0, arity - words.length) }, () => name);
}

async function granted(client: Redis, role: string, commands: readonly Known[]): Promise<string[]> {
  const kinds = Object.entries(KINDS);
  const tries = client.pipeline();
  for (const command of commands) {
    for (const [, name] of kinds) tries.call('ACL', 'DRYRUN', role, ...command.words, ...argumentsOf(command, name));
  }
  const replies = (await tries.exec()) ?? [];
  const found: string[] = [];
  commands.forEach(({ words }, at) => {
    const of = kinds.filter((_, i) => replies[at * kinds.length + i]?.[1] === 'OK').map(([kind]) => kind);
    if (of.length === kinds.length) found.push(words.join('|'));
    else if (of.length > 0) found.push(`${words.join('|')}(${of.join(',')})`);
  });
  return found.filter((name) => !FOR_EVERYBODY.includes(name)).toSorted();
}

test.each(Object.entries(AT_NODES))('at a node, %s', async (role, expected) => {
  await expectGranted(await own.set.masterNode(), role, expected);
});

test.each(Object.entries(AT_SENTINELS))('at a Sentinel, %s', async (role, expected) => {
  await expectGranted(own.set.sentinelNodes[0]!, role, expected);
});

async function expectGranted(node: RedisAddress, role: string, expected: string): Promise<void> {
  const client = new Redis({ ...clientOptions(node), enableReadyCheck: false });
  try {
    const commands = await commandsOf(client);
    expect(commands.length).toBeGreaterThan(60);
    const known = new Set(commands.map(({ words }) => words.join('|')));
    // Redis 7.0 does not know all of them.
    const wanted = expected.split(' ').filter((name) => known.has(name.replace(/\(.*/, '')));
    expect(await granted(client, role, commands)).toEqual(wanted.toSorted());
  } finally {
    client.disconnect();
  }
}
