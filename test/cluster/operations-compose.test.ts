// The commands of docs/runbook.md on a real compose stack: restarts under load, replicas, backup and restore.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ComposeStack, defineStack, dockerAnswers } from '../support/compose.ts';
import { withComposeStack } from '../support/compose-hooks.ts';
import { type Load, startLoad } from '../support/http-load.ts';
import { listAll } from '../support/list-all.ts';

// That the engine must be there with REQUIRE_DOCKER=1 is said by compose.test.ts.
const docker = dockerAnswers();

let dir: string;
let stack: ComposeStack;
/** Every content that any test got a 201 for. */
const acknowledged: string[] = [];

describe.skipIf(!docker)('operations of docker compose (needs a Docker engine)', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'items-operations-'));
  });
  withComposeStack(async () => (stack = await defineStack()));
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test('every instance replaced by a new one under load: no client sees an error', async () => {
    const before = await idsOf('api');
    const load = await loaded('instances');
    expect(await stack.shell('sh ops/compose/restart-instances.sh')).toContain('2 of 2');
    await noFailures(load);
    const after = await idsOf('api');
    expect(after).toHaveLength(2);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
  });

  test('every Redis node and every Sentinel made anew under load: no client sees an error', async () => {
    const before = await idsOf(...SET);
    const master = await masterName();
    const load = await loaded('redis');
    expect(await stack.shell('sh ops/compose/restart-redis.sh')).toContain('is master');
    await noFailures(load);
    const after = await idsOf(...SET);
    expect(after).toHaveLength(SET.length);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    expect(await masterName()).not.toBe(master);
  });

  test('a replica whose volume is lost copies everything anew', async () => {
    const replica = await replicaName();
    const load = await loaded('lost');
    await stack.shell(`docker compose rm --stop --force ${replica}
      docker volume rm ${stack.project}_${replica}
      docker compose up --detach --wait --no-deps ${replica}`);
    await stack.shell('docker compose run --rm operator sh /ops/redis/settled.sh');
    await noFailures(load);
    expect(await digest(stack, replica)).toBe(await digest(stack, await masterName()));
  });

  test('a replica is added, and taken away', async () => {
    const load = await loaded('added');
    await stack.shell(`docker compose ${WITH_REPLICA} up --detach --wait --no-deps redis-4`);
    expect(await stack.shell('docker compose run --rm operator sh /ops/redis/settled.sh 3')).toContain('redis-4:6379');
    await noFailures(load);
    expect(await digest(stack, 'redis-4')).toBe(await digest(stack, await masterName()));
    await stack.shell(`docker compose ${WITH_REPLICA} rm --stop --force redis-4
      docker volume rm ${stack.project}_redis-4`);
    await stack.shell('docker compose run --rm operator sh /ops/redis/forget.sh');
    const whole = await stack.shell('docker compose run --rm operator sh /ops/redis/settled.sh 2');
    expect(whole).not.toContain('redis-4');
  });

  test('a backup is taken under load, and a new set made from it holds what was acknowledged before', async () => {
    const load = await loaded('backup');
    const before = [...acknowledged];
    const replica = await replicaName();
    const tar = join(dir, 'items.tar');
    expect(await stack.shell(`docker compose exec -T ${replica} sh /ops/redis/backup.sh >${tar}`)).toContain(
      'all that',
    );
    await noFailures(load);

    const other = await defineStack();
    try {
      await other.build();
      await other.shell('docker compose run --rm secrets');
      await other.shell(`docker compose run --rm -T --no-deps redis-1 sh /ops/redis/restore.sh <${tar}`);
      await other.scale(1);
      const restored = await digest(other, 'redis-1');
      const file = join(dir, 'restored.txt');
      await other.shell(`${DIGEST} redis-1:6379 >${file}`);
      const same = await stack.shell(`${DIGEST} ${await masterName()}:6379 - <${file}`);
      expect(withoutNoise(same)).toBe(restored);
      const stored = (await listAll(other.url)).map(({ content }) => content);
      expect(new Set(before).difference(new Set(stored))).toEqual(new Set());
    } catch (error) {
      console.error(await other.logs());
      throw error;
    } finally {
      await other.remove();
    }
  });

  test('after all of that every acknowledged content is stored, once', async () => {
    const stored = (await listAll(stack.url)).map(({ content }) => content);
    expect(acknowledged.length).toBeGreaterThan(500);
    expect(stored.toSorted()).toEqual(acknowledged.toSorted());
  });
});

const SET = [1, 2, 3].flatMap((n) => [`redis-${n}`, `sentinel-${n}`]);
const WITH_REPLICA = '--file docker-compose.yml --file docker-compose.replica.yml';
const DIGEST = 'docker compose run --rm -T --no-deps operator sh /ops/redis/digest.sh';

const eventually = { timeout: 60_000, interval: 250 };

async function loaded(label: string): Promise<Load> {
  const load = startLoad(stack.url, label, 8);
  await expect.poll(load.count, eventually).toBeGreaterThan(100);
  return load;
}

async function noFailures(load: Load): Promise<void> {
  const count = load.count();
  await expect.poll(load.count, eventually).toBeGreaterThan(count + 100);
  const { created, failures } = await load.stop();
  acknowledged.push(...created);
  expect(failures).toEqual({});
}

const idsOf = async (...services: string[]): Promise<string[]> =>
  (await Promise.all(services.map(stack.containers))).flat().map(({ id }) => id);

async function masterName(): Promise<string> {
  return (await stack.operator('sentinel-1:26379', 'sentinel', 'get-master-addr-by-name', 'items')).split('\n')[0]!;
}

async function replicaName(): Promise<string> {
  const master = await masterName();
  return ['redis-1', 'redis-2', 'redis-3'].find((name) => name !== master)!;
}

const digest = async (of: ComposeStack, node: string): Promise<string> =>
  withoutNoise(await of.shell(`${DIGEST} ${node}:6379`));

/** Without what Compose says of the containers that it makes. */
const withoutNoise = (output: string): string =>
  output
    .split('\n')
    .filter((line) => /^(partitions|total|\d+) /.test(line))
    .join('\n');
