// One content that everybody posts at once, through two instances, each request with an idempotency key of its own.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { SaveOutcome } from '../../src/items/pending-save.ts';
import type { SaveQueue } from '../../src/items/save-queue.ts';
import { command, openTestStore } from '../support/open-store.ts';
import { queueOver } from '../support/queue-over.ts';

const CLIENTS_EACH = 8;
/** More than the clients that wait when the other one is done. */
const ENOUGH = CLIENTS_EACH * 3;
const POSTING_MS = 1_500;
const LONGEST_MS = 20_000;

function post(queue: SaveQueue, text: string): Promise<SaveOutcome> {
  const { key, content, token } = command(text, { token: randomUUID() });
  const deadlineMs = performance.now() + 12_000;
  return queue.save({ key, content, source: 'anonymous', token, tokenKind: 'key', deadlineMs });
}

test('is answered by both, however long one of them keeps its lock for the requests that keep coming', async () => {
  await using first = await openTestStore();
  await using second = await openTestStore({ space: first.space });
  const startedMs = performance.now();
  const instances = [first, second].map((store) => ({ queue: queueOver(store), kinds: [] as string[] }));
  // A busy machine takes longer for as many answers. Whoever starves has them only when nobody posts any more.
  const isEnough = (): boolean => {
    const elapsedMs = performance.now() - startedMs;
    return elapsedMs > LONGEST_MS || (elapsedMs > POSTING_MS && instances.every(({ kinds }) => kinds.length > ENOUGH));
  };
  const postOn = async ({ queue, kinds: own }: (typeof instances)[number]): Promise<void> => {
    while (!isEnough()) own.push((await post(queue, 'hot')).kind);
  };
  await Promise.all(instances.flatMap((one) => Array.from({ length: CLIENTS_EACH }, () => postOn(one))));
  const kinds = instances.flatMap((one) => one.kinds);
  expect(kinds.filter((kind) => kind === 'saved')).toHaveLength(1);
  expect(new Set(kinds)).toEqual(new Set(['saved', 'duplicate']));
  // Neither of them starves.
  for (const one of instances) expect(one.kinds.length).toBeGreaterThan(ENOUGH);
});
