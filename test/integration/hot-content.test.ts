// One content that everybody posts at once, through two instances, each request with an idempotency key of its own.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { SaveOutcome } from '../../src/items/pending-save.ts';
import type { SaveQueue } from '../../src/items/save-queue.ts';
import { command, openTestStore } from '../support/open-store.ts';
import { queueOver } from '../support/queue-over.ts';

const CLIENTS_EACH = 8;
const POSTING_MS = 1_500;

function post(queue: SaveQueue, text: string): Promise<SaveOutcome> {
  const { key, content, token } = command(text, { token: randomUUID() });
  const deadlineMs = performance.now() + 12_000;
  return queue.save({ key, content, source: 'anonymous', token, tokenKind: 'key', deadlineMs });
}

test('is answered by both, however long one of them keeps its lock for the requests that keep coming', async () => {
  await using first = await openTestStore();
  await using second = await openTestStore({ space: first.space });
  const untilMs = performance.now() + POSTING_MS;
  const postOn = async (queue: SaveQueue): Promise<string[]> => {
    const kinds: string[] = [];
    while (performance.now() < untilMs) kinds.push((await post(queue, 'hot')).kind);
    return kinds;
  };
  const queues = [queueOver(first), queueOver(second)];
  const answered = await Promise.all(
    queues.map(async (queue) => (await Promise.all(Array.from({ length: CLIENTS_EACH }, () => postOn(queue)))).flat()),
  );
  const kinds = answered.flat();
  expect(kinds.filter((kind) => kind === 'saved')).toHaveLength(1);
  expect(new Set(kinds)).toEqual(new Set(['saved', 'duplicate']));
  // Neither of them starves.
  for (const own of answered) expect(own.length).toBeGreaterThan(CLIENTS_EACH * 3);
});
