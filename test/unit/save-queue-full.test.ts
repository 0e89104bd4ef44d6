// The save path over a store in memory that is full.
import { expect, test } from 'vitest';
import { setUp, UNREPLICATED } from '../support/save-queue.ts';

const outcomeOf = (answer: Promise<{ readonly kind: string }>): Promise<string> =>
  answer.then(
    ({ kind }) => kind,
    ({ code }: { readonly code: string }) => code,
  );

async function fullWithOneItem() {
  const world = setUp();
  await world.queue.save(world.request('known', { key: 'used' }));
  world.store.isFull = true;
  return world;
}

test('who has a key that cannot be remembered is refused alone, and not those who ask for the same content', async () => {
  const { queue, request, redis, store } = await fullWithOneItem();
  const answers = [
    queue.save(request('known', { key: 'new' })),
    queue.save(request('known')),
    queue.save(request('known', { key: 'used' })),
    queue.save(request('known')),
    queue.save(request('known', { key: 'new' })),
  ];
  expect(await Promise.all(answers.map(outcomeOf))).toEqual([
    'storage-full',
    'duplicate',
    'replayed',
    'duplicate',
    'storage-full',
  ]);
  expect(store.commits).toHaveLength(2);
  expect(redis.counts).toMatchObject({ saved: 1, duplicates: 2, replayed: 1, full: 2 });
  expect(queue.pending).toBe(0);
});

test('a key that was used for another content is told so, beside one that cannot be remembered', async () => {
  const { queue, request, store } = await fullWithOneItem();
  store.isFull = false;
  await queue.save(request('another'));
  store.isFull = true;
  const answers = [queue.save(request('another', { key: 'used' })), queue.save(request('another', { key: 'new' }))];
  expect(await Promise.all(answers.map(outcomeOf))).toEqual(['key_reused', 'storage-full']);
});

test('whether a key that cannot be remembered saved nothing is not said when an earlier round is unknown', async () => {
  const { queue, request, store, clock } = await fullWithOneItem();
  store.faults.push({ when: 'before', result: UNREPLICATED });
  const answer = outcomeOf(queue.save(request('known', { key: 'new' })));
  await clock.advance(200);
  expect(await answer).toBe('not-replicated');
});
