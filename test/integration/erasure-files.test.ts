// Erasing, down to the disks: what docs/erasure.md tells operators to do leaves no byte of a content in any file of any node.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import type { RedisNode } from '../../stack/redis-node.ts';
import { placeOf } from '../../src/redis/keys.ts';
import { waitFor } from '../../stack/wait.ts';
import { accessTo, command, confirmed, openTestStore } from '../support/open-store.ts';
import { ownRedisSet } from '../support/own-redis-set.ts';

const WAIT = { timeoutMs: 40_000, everyMs: 100 };
const PIECE_LENGTH = 8;

/** The files of a node in which a piece of the text stands. Files may be compressed, so it is made of pieces that cannot be. */
function filesWith(node: RedisNode, text: string): string[] {
  const pieces = text.match(new RegExp(`.{${PIECE_LENGTH}}`, 'g')) ?? [];
  return readdirSync(node.dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const bytes = readFileSync(path, 'latin1');
      return pieces.some((piece) => bytes.includes(piece));
    });
}

async function info(node: RedisNode, name: string): Promise<string | undefined> {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(String(await askRedis(node, ['INFO'])))?.[1];
}

async function rewrite(node: RedisNode): Promise<void> {
  const isOver = async () =>
    (await info(node, 'aof_rewrite_in_progress')) === '0' && (await info(node, 'aof_rewrite_scheduled')) === '0';
  // A replica that was sent a copy rewrites by itself, and what that began with may still hold what was erased since.
  await waitFor(isOver, { ...WAIT, what: `${node.name} did not end the rewrite that it had begun` });
  await askRedis(node, ['CONFIG', 'SET', 'aof-use-rdb-preamble', 'no']);
  await askRedis(node, ['BGREWRITEAOF']);
  await waitFor(isOver, { ...WAIT, what: `${node.name} did not rewrite its append-only file` });
  expect(await info(node, 'aof_last_bgrewrite_status')).toBe('ok');
}

// Beside a neighbour in its block of the log an erased entry is only marked as such, and a snapshot writes the block as it is.
test.each([
  ['alone in its block of the log', false],
  ['beside another one', true],
])(
  'a content %s that was saved, copied to a new replica and erased is in no file once every node has rewritten its own',
  async (_where, isNeighbour) => {
    // Long enough that nobody takes over from the master while the replica is away.
    await using own = await ownRedisSet({ downAfterMs: 60_000 });
    const { nodes } = own.set;
    await using store = await openTestStore({ access: accessTo(own.set.sentinels) });
    const secret = randomBytes(60).toString('base64');
    const partitionOf = (text: string): number => placeOf(store.space, command(text).key).partition;
    const other = Array.from({ length: 1_000 }, (_, i) => `a content that stays ${i}`).find(
      (text) => (partitionOf(text) === partitionOf(secret)) === isNeighbour,
    ) as string;
    const [verdict] = await confirmed(store, [command(secret), command(other)]);
    if (verdict === undefined || !('position' in verdict)) throw new Error(`not saved: ${verdict?.kind}`);
    for (const node of nodes) expect(filesWith(node, secret), node.name).not.toEqual([]);

    // A copy of everything is one more file, and another form.
    const replica = nodes[2] as RedisNode;
    await replica.kill();
    rmSync(join(replica.dir, 'appendonlydir'), { recursive: true });
    await replica.start();
    const isBack = async () => (await info(replica, 'master_link_status').catch(() => '')) === 'up';
    await waitFor(isBack, { ...WAIT, what: 'the replica did not come back' });

    expect(await waitFor(() => store.erasure.erase(verdict.position), { ...WAIT, what: 'not erased' })).toBe('erased');
    for (const node of nodes) await rewrite(node);
    // The copy that a replica once got stays, though nobody will ever read it again.
    expect(filesWith(replica, secret)).toEqual([join(replica.dir, 'dump.rdb')]);
    for (const node of nodes) rmSync(join(node.dir, 'dump.rdb'), { force: true });
    for (const node of nodes) expect(filesWith(node, secret), node.name).toEqual([]);
    expect(filesWith(nodes[0] as RedisNode, other)).not.toEqual([]);
  },
);
