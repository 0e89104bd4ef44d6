// Load on our own store without HTTP: saves that wait gather into the next commit, as in the service, without locks.
import { randomUUID } from 'node:crypto';
import { contentKey } from '../../src/items/content.ts';
import type { SaveCommand } from '../../src/items/ports.ts';
import { openBenchStore } from '../bench-store.ts';
import { commitSurely } from '../fill.ts';
import { makeStoreLoad } from '../store-load.ts';

type Waiting = { readonly command: SaveCommand; readonly decide: (isNew: boolean) => void };

const store = await openBenchStore({
  sentinels: process.env['REDIS_SENTINELS'] ?? '',
  secrets: process.env['SECRETS'] ?? '',
});
let waiting: Waiting[] = [];
let isCommitting = false;

async function commitWaiting(): Promise<void> {
  isCommitting = true;
  while (waiting.length > 0) {
    const batch = waiting;
    waiting = [];
    const commands = batch.map(({ command }) => command);
    const verdicts = await commitSurely(store, commands);
    for (const [i, verdict] of verdicts.entries()) batch[i]?.decide(verdict.kind === 'saved');
  }
  isCommitting = false;
}

makeStoreLoad(
  (text) =>
    new Promise((decide) => {
      const content = { kind: 'string', text } as const;
      const claims = [{ token: randomUUID(), isIdempotencyKey: false, source: 'anonymous', requests: 1 }];
      waiting.push({ command: { key: contentKey(content), content, claims, others: 0, lockToken: 'none' }, decide });
      if (!isCommitting) queueMicrotask(() => void commitWaiting());
      isCommitting = true;
    }),
);
