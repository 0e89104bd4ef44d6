// ops/redis/settled.sh: says that a set is whole only when it is, and otherwise what is missing.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import { loginAs } from '../../stack/secrets.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import { asOperator, runScript } from '../support/ops-script.ts';

let dir: string;
let stack: Stack;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-settled-'));
  stack = await startStack({ dir, instances: 1, downAfterMs: 2_000 });
});
afterAll(async () => {
  await stack?.stop();
  await rm(dir, { recursive: true, force: true });
});

const settled = (seconds: number, ...args: string[]) =>
  runScript('settled.sh', args, { env: { ...asOperator(stack.redis), WAIT_SECONDS: `${seconds}` } });

/** Whole, with the master first and every replica behind it. */
async function expectWhole(): Promise<void> {
  const { code, stdout, stderr } = await settled(110);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const master = await stack.redis.master();
  expect(stdout.startsWith(`settled: ${master} is master, and in sync with it: `)).toBe(true);
  const named = stdout.match(/127\.0\.0\.1:\d+/g) ?? [];
  expect(named.toSorted()).toEqual(stack.redis.nodes.map(({ address }) => address).toSorted());
}

/** Not whole for as long as it is asked, and sooner or later for this reason: a busy node may be silent for a moment. */
async function expectNotYet(reason: string | RegExp, ...args: string[]): Promise<void> {
  const others: unknown[] = [];
  const why = async (): Promise<string> => {
    const { code, stdout, stderr } = await settled(0, ...args);
    if (code !== 1 || stdout !== '') others.push({ code, stdout, stderr });
    return /^settled: not yet: (.*)\n$/.exec(stderr)?.[1] ?? stderr;
  };
  await expect.poll(why, { timeout: 60_000, interval: 100 }).toMatch(reason);
  expect(others).toEqual([]);
}

test('names the master and all that follow it', expectWhole);

test('not while a replica is gone, and again when it is back', async () => {
  const master = await stack.redis.masterNode();
  const replica = stack.redis.nodes.find((node) => node !== master)!;
  await replica.kill();
  await expectNotYet(`${replica.address} does not answer, or is not in sync with ${master.address}`);
  await replica.start();
  await expectWhole();
});

test('not while a Sentinel is silent', async () => {
  const [sentinel] = stack.redis.sentinelNodes;
  sentinel!.pause();
  try {
    await expectNotYet(/^not every Sentinel answers and names /);
  } finally {
    sentinel!.resume();
  }
  await expectWhole();
});

test('not while a replica could not be promoted', async () => {
  const master = await stack.redis.masterNode();
  const replica = stack.redis.nodes.find((node) => node !== master)!;
  const [keeper] = stack.redis.keepers;
  keeper!.pause();
  try {
    await askRedis(replica, ['CONFIG', 'SET', 'replica-priority', '0']);
    await expectNotYet(new RegExp(`^${replica.address} `));
  } finally {
    keeper!.resume();
  }
  await expectWhole();
});

test.each(['master', 'replica'])('not while the file of the %s is rewritten', async (role) => {
  const master = await stack.redis.masterNode();
  const node = role === 'master' ? master : stack.redis.nodes.find((one) => one !== master)!;
  // The rewrite takes so long for each key; without a file there is none, and with one again it begins anew.
  await askRedis(node, ['CONFIG', 'SET', 'rdb-key-save-delay', '60000000']);
  await askRedis(node, ['BGREWRITEAOF']);
  try {
    await expectNotYet(new RegExp(`${node.address} .*rewrites its file$`));
  } finally {
    for (const [name, value] of [
      ['rdb-key-save-delay', '0'],
      ['appendonly', 'no'],
      ['appendonly', 'yes'],
    ] as const) {
      await askRedis(node, ['CONFIG', 'SET', name, value]);
    }
  }
  await expectWhole();
});

test('not while a Sentinel that answers takes the others for down', async () => {
  const [sentinel] = stack.redis.sentinelNodes;
  const { username, password } = loginAs(stack.redis.secrets, 'sentinel');
  const comeAs = (word: string) =>
    askRedis(sentinel!, ['SENTINEL', 'SET', stack.redis.masterName, 'auth-user', username, 'auth-pass', word]);
  await comeAs('not the password');
  try {
    await expect
      .poll(async () => (await settled(0)).stderr, { timeout: 60_000, interval: 100 })
      .toBe(`settled: not yet: ${sentinel!.address} does not see all of them well yet\n`);
  } finally {
    await comeAs(password);
  }
  await expectWhole();
});

test('not with fewer replicas than are asked for, and at once not for what is no number', async () => {
  await expectNotYet(/^there are not 3 replicas/, '3');
  expect(await settled(600, 'many')).toMatchObject({ code: 1, stderr: 'settled: "many" is no number of replicas\n' });
});
