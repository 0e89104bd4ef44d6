// ops/redis/backup.sh, restore.sh and digest.sh: what was acknowledged before a backup began is in the set made from it.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, cp, mkdir, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import type { RedisNode } from '../../stack/redis-node.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import { waitFor } from '../../stack/wait.ts';
import { post, startLoad } from '../support/http-load.ts';
import { listAll } from '../support/list-all.ts';
import { asOperator, atNode, digestOf, runScript } from '../support/ops-script.ts';

let dir: string;
let stack: Stack;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-backup-'));
  stack = await startStack({ dir: join(dir, 'stack'), instances: 2, downAfterMs: 1_000 });
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

const contentsAt = async (url: string): Promise<string[]> => (await listAll(url)).map(({ content }) => content);

async function replicaOf({ redis }: Stack): Promise<RedisNode> {
  const master = await redis.masterNode();
  return redis.nodes.find((node) => node !== master)!;
}

const backUp = (node: RedisNode, to: string) =>
  runScript('backup.sh', [], { env: atNode(stack.redis, node), to: join(dir, to) });

/** A new set in a directory of its own, made from a backup. */
async function startRestored(from: string): Promise<Stack> {
  const home = join(dir, `restored-${from}`);
  const env = { REDIS_DIR: join(home, 'redis', 'redis-1') };
  expect(await runScript('restore.sh', [], { env, from: join(dir, from) })).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining('starts as master'),
  });
  return await startStack({ dir: home, instances: 1 });
}

/**
 * Saves go on while a node is copied. Its append-only file is rewritten again and again meanwhile, or not at all: then most
 * of what is acknowledged stands behind the snapshot that it begins with.
 */
async function backUpUnderLoad(
  node: RedisNode,
  to: string,
  isRewritten: boolean,
): Promise<{ before: string[]; sent: string[] }> {
  const load = startLoad(stack.url, to);
  const rewriting = new AbortController();
  const rewrites = (async () => {
    if (!isRewritten) return;
    while (!rewriting.signal.aborted) {
      await askRedis(node, ['BGREWRITEAOF']).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  await expect.poll(load.count, eventually).toBeGreaterThan(500);
  const acknowledged = load.count();
  expect(await backUp(node, to)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('all that was acknowledged'),
  });
  const count = load.count();
  await expect.poll(load.count, eventually).toBeGreaterThan(count + 200);
  rewriting.abort();
  await rewrites;
  const { created, unknown, failures } = await load.stop();
  expect(failures).toEqual({});
  expect((await readdir(node.dir)).filter((name) => name.startsWith('backup.'))).toEqual([]);
  return { before: created.slice(0, acknowledged), sent: [...created, ...unknown] };
}

test.each([
  ['replica', 'whose file is rewritten', true],
  ['master', 'whose file is rewritten', true],
  ['replica', 'whose file is not', false],
])(
  'from a %s %s, under load: no save fails, nothing that was acknowledged before is missing, log and index agree',
  async (role, _what, isRewritten) => {
    await stack.redis.settled();
    const node = role === 'replica' ? await replicaOf(stack) : await stack.redis.masterNode();
    const earlier = await contentsAt(stack.url);
    const tar = `${role}-${isRewritten}.tar`;
    const { before, sent } = await backUpUnderLoad(node, tar, isRewritten);

    await using restored = await startRestored(tar);
    const stored = await contentsAt(restored.url);
    expect(new Set([...earlier, ...before]).difference(new Set(stored))).toEqual(new Set());
    expect(new Set(stored).difference(new Set([...earlier, ...sent]))).toEqual(new Set());
    expect(stored).toHaveLength(new Set(stored).size);

    const [first, ...others] = await Promise.all(restored.redis.nodes.map((one) => digestOf(restored.redis, one)));
    expect(first).toContain(`total ${stored.length}\n`);
    for (const other of others) expect(other).toBe(first);
    // What the set went on to save is left out; it has saved more since.
    expect(await digestOf(stack.redis, node, first)).toBe(first);
    expect(await digestOf(stack.redis, node)).not.toBe(first);

    // It goes on: what is there is known, what is not can be saved.
    expect((await post(restored.url, before[0]!)).status).toBe(409);
    expect((await post(restored.url, 'saved after the restore')).status).toBe(201);
    expect(await digestOf(restored.redis, restored.redis.nodes[2]!, first)).toBe(first);
  },
);

test('the digest tells of one changed, one missing and one unknown entry', async () => {
  await stack.redis.settled();
  const master = await stack.redis.masterNode();
  const { id } = (await (await post(stack.url, 'to be tampered with')).json()) as { id: string };
  const [ms, seq, partition] = id.split('-');
  const log = `items:{${partition}}`;
  const before = await digestOf(stack.redis, master);
  expect(await digestOf(stack.redis, master)).toBe(before);

  const [[, fields]] = (await askRedis(master, ['XRANGE', log, `${ms}-${seq}`, `${ms}-${seq}`])) as [
    [string, string[]],
  ];
  await askRedis(master, ['XDEL', log, `${ms}-${seq}`]);
  const { code, stdout, stderr } = await runScript('digest.sh', [master.address], { env: asOperator(stack.redis) });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(
      new RegExp(`^digest: partition ${partition} has \\d+ items and \\d+ index entries\n$`),
    ),
  });
  expect(stdout).not.toBe(before);
  // As many as before, and still not the same.
  await askRedis(master, ['XADD', log, '*', ...fields]);
  const changed = await digestOf(stack.redis, master);
  const isOther = (line: string, i: number) => line !== before.split('\n')[i];
  expect(changed.split('\n').filter(isOther)).toEqual([expect.stringMatching(new RegExp(`^${partition} `))]);
});

test('refused at a node that is not in sync, and nothing is written', async () => {
  await stack.redis.settled();
  const replica = await replicaOf(stack);
  const ended = await waitFor(
    async () => {
      await askRedis(replica, ['REPLICAOF', '127.0.0.1', '1']);
      const result = await backUp(replica, 'refused.tar');
      // A Sentinel sets it right after 8 s, which on a busy machine may be before the script has looked.
      return /^master_port:1\r$/m.test(String(await askRedis(replica, ['INFO', 'replication']))) && result;
    },
    { timeoutMs: 120_000, what: 'it did not stay away from the master for as long as the script took' },
  );
  expect(ended).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`refused: ${replica.address}: it does not follow the master`),
  });
  expect((await stat(join(dir, 'refused.tar'))).size).toBe(0);
  await stack.redis.settled();
  const noSentinels = { ...atNode(stack.redis, replica), SENTINELS: '127.0.0.1:1' };
  expect(await runScript('backup.sh', [], { env: noSentinels })).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('refused: no majority'),
  });
});

test('refused at a replica that nobody may promote, and while a copy from the master is being written', async () => {
  await stack.redis.settled();
  const replica = await replicaOf(stack);
  const [keeper] = stack.redis.keepers;
  keeper!.pause();
  try {
    await askRedis(replica, ['CONFIG', 'SET', 'replica-priority', '0']);
    expect(await backUp(replica, 'behind.tar')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`refused: ${replica.address}: it is at replica-priority 0`),
    });
  } finally {
    keeper!.resume();
  }
  await stack.redis.settled();
  // What Redis writes to between such a copy and the file that it makes of it.
  const stale = join(replica.dir, 'appendonlydir', 'temp-appendonly.aof.incr');
  await appendFile(stale, '');
  expect(await backUp(replica, 'stale.tar')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^backup: refused: .* is not whole: a copy from the master is being written to it\n$/,
    ),
  });
  await rm(stale);
  // What a backup that was killed has left goes with the next one.
  await mkdir(join(replica.dir, 'backup.999999999'));
  expect(await backUp(replica, 'again.tar')).toMatchObject({ code: 0 });
  expect((await readdir(replica.dir)).filter((name) => name.startsWith('backup.'))).toEqual([]);
});

test('Sentinels that are silent at first, as on a busy machine, are asked again', async () => {
  await stack.redis.settled();
  const replica = await replicaOf(stack);
  const [first, second, third] = stack.redis.sentinelNodes;
  await using behindSecond = await silentAtFirst(second!.port);
  await using behindThird = await silentAtFirst(third!.port);
  const addresses = [first!.port, behindSecond.port, behindThird.port].map((port) => `127.0.0.1:${port}`);
  const env = { ...atNode(stack.redis, replica), SENTINELS: addresses.join(',') };
  const { code, stderr } = await runScript('backup.sh', [], { env, to: join(dir, 'patient.tar') });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('all that was acknowledged') });
  expect(Math.min(behindSecond.connections(), behindThird.connections())).toBeGreaterThan(1);
});

/** Leads to a port of 127.0.0.1, but for the first connection, which gets no answer. */
async function silentAtFirst(target: number) {
  let connections = 0;
  const server = createServer((near) => {
    connections++;
    near.on('error', () => {});
    // Not closed: redis-cli would come again by itself.
    if (connections === 1) {
      near.resume();
      return;
    }
    const far = connect(target, '127.0.0.1').on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test('a backup is not put over data, nor is half of one', async () => {
  const tar = join(dir, 'half.tar');
  expect(await backUp(await stack.redis.masterNode(), 'half.tar')).toMatchObject({ code: 0 });
  const into = (name: string) => ({ env: { REDIS_DIR: join(dir, name) }, from: tar });
  expect(await runScript('restore.sh', [], into('whole'))).toMatchObject({ code: 0 });
  expect(await runScript('restore.sh', [], into('whole'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('refused: there is data in'),
  });
  // Redis would start without a file that its manifest names, and with nothing.
  const part = join(dir, 'part');
  await cp(join(dir, 'whole', 'appendonlydir'), join(part, 'appendonlydir'), { recursive: true });
  const last = (await readdir(join(part, 'appendonlydir'))).find((name) => name.endsWith('.incr.aof')) ?? '';
  await rm(join(part, 'appendonlydir', last));
  execFileSync('tar', ['-C', part, '-cf', join(dir, 'part.tar'), 'appendonlydir']);
  expect(await runScript('restore.sh', [], { ...into('empty'), from: join(dir, 'part.tar') })).toMatchObject({
    code: 1,
    stderr: `restore: refused: not in it: ${last}\n`,
  });
  await truncate(tar, Math.floor((await stat(tar)).size / 2));
  const half = await runScript('restore.sh', [], into('empty'));
  expect(half).toMatchObject({ code: 1, stderr: expect.stringContaining('refused: ') });
  expect(await readdir(join(dir, 'empty'))).toEqual([]);
  await appendFile(join(dir, 'no.tar'), 'no tar file');
  expect(await runScript('restore.sh', [], { ...into('empty'), from: join(dir, 'no.tar') })).toMatchObject({ code: 1 });
});

const eventually = { timeout: 60_000, interval: 20 };
