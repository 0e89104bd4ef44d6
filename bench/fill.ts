// Fills the store with the service's own save script, without the service: millions of items in minutes.
import { setTimeout } from 'node:timers/promises';
import { contentKey } from '../src/items/content.ts';
import type { SaveCommand, Verdict } from '../src/items/ports.ts';
import type { OpenStore } from '../src/redis/store.ts';

/** Items in one commit, and commits under way: with more of either, Redis is no faster and answers others later. */
const BATCH = 500;
const UNDER_WAY = 4;

const ATTEMPTS = 20;
const PAUSE_MS = 250;

export const FILLED_BYTES = 100;

/** Repeats what could not be confirmed, as the service does: on a busy machine the view of the set may be too old. */
export async function commitSurely(store: OpenStore, commands: readonly SaveCommand[]): Promise<readonly Verdict[]> {
  for (let attempt = 1; ; attempt++) {
    const result = await store.items.commit(commands);
    if (result.kind === 'confirmed') return result.verdicts;
    if (attempt === ATTEMPTS) throw new Error(`the store does not save: ${result.detail}`);
    await setTimeout(PAUSE_MS);
  }
}

/** Saves the contents number `from` up to `to`; each is `FILLED_BYTES` long, and the same number is the same content. */
export async function fill(store: OpenStore, from: number, to: number): Promise<void> {
  let next = from;
  const repeat = async (): Promise<void> => {
    while (next < to) {
      const begin = next;
      next = Math.min(to, begin + BATCH);
      const commands = Array.from({ length: next - begin }, (_, i) => command(begin + i));
      await commitSurely(store, commands);
    }
  };
  await Promise.all(Array.from({ length: UNDER_WAY }, repeat));
}

function command(n: number): SaveCommand {
  const content = { kind: 'string', text: `filled ${n} `.padEnd(FILLED_BYTES, 'abcdefghijklmnop') } as const;
  // As long as a random one.
  const token = String(n).padStart(22, '0');
  const claims = [{ token, isIdempotencyKey: false, source: 'anonymous', requests: 1 }];
  return { key: contentKey(content), content, claims, others: 0, lockToken: 'none' };
}
