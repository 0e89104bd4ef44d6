// Plays a correct service, so that a checker can be shown histories of which the truth is known.
import { createHash } from 'node:crypto';
import type { Attempt, Outcome } from '../../chaos/attempt.ts';
import type { Copy, Entry } from '../../chaos/copy.ts';

/** How a request ends: answered, or cut off or refused before or after it was saved. */
export type Fate = 'answered' | 'lost-before' | 'lost-after' | 'refused-before' | 'refused-after';
export type Sender = { readonly key: string | null; readonly fate: Fate };
type MutableCopy = { -readonly [K in keyof Copy]: Copy[K] extends ReadonlyMap<infer A, infer B> ? Map<A, B> : Copy[K] };
export type MutableHistory = {
  attempts: Attempt[];
  copies: (Omit<MutableCopy, 'entries'> & { entries: Entry[] })[];
  listing: { items: { id: string; content: string }[] };
};

export const digestHex = (content: string): string =>
  createHash('sha256').update('string\n').update(content).digest('hex').slice(0, 40);

export class CorrectService {
  readonly #attempts: Attempt[] = [];
  readonly #stored = new Map<string, { id: string; by: string | number }>();
  #nowMs = 1_000_000;

  /** Sends one content for several senders at once; the store sees them in order, beginning with `first`. */
  post(content: string, senders: readonly Sender[], first = 0): void {
    const sent = senders.map((sender, client) => {
      const n = this.#attempts.length;
      const outcome: Outcome = { kind: 'unknown', why: 'cut' };
      const attempt = { n, client, content, idempotencyKey: sender.key, sentAtMs: this.#nowMs++, answeredAtMs: null };
      this.#attempts.push({ ...attempt, outcome });
      return { attempt, sender };
    });
    for (let i = 0; i < sent.length; i++) {
      const { attempt, sender } = sent[(i + first) % sent.length]!;
      const outcome = this.#decide(attempt.content, sender, attempt.n);
      this.#attempts[attempt.n] = { ...attempt, outcome, answeredAtMs: this.#nowMs++ };
    }
  }

  /** What clients noted and what three nodes and the listing hold. Nothing in it is shared. */
  history(): MutableHistory {
    const entries = [...this.#stored].map(([content, { id, by }]): Entry => ({
      id,
      content,
      rest: `k=s t=${by} s=anonymous`,
    }));
    const copies = ['a:1', 'b:2', 'c:3'].map((node) => ({
      node,
      entries: [...entries],
      index: new Map(entries.map(({ id, content }) => [digestHex(content), id])),
      indexedTwice: [],
      counts: new Map([
        ['0.saved', entries.length],
        ['0.duplicates', 3],
      ]),
    }));
    return {
      attempts: [...this.#attempts],
      copies,
      listing: { items: entries.map(({ id, content }) => ({ id, content })) },
    };
  }

  #decide(content: string, { key, fate }: Sender, n: number): Outcome {
    if (fate === 'lost-before') return { kind: 'unknown', why: 'timeout' };
    if (fate === 'refused-before') return { kind: 'refused', status: 503, code: 'not-replicated' };
    const by = key ?? n;
    const known = this.#stored.get(content);
    const item = known ?? { id: `1700000000000-${this.#stored.size}-0`, by };
    this.#stored.set(content, item);
    if (fate === 'lost-after') return { kind: 'unknown', why: '504' };
    if (fate === 'refused-after') return { kind: 'refused', status: 503, code: 'not-replicated' };
    if (item.by !== by) return { kind: 'duplicate', id: item.id };
    const replayed = known !== undefined;
    return { kind: 'saved', id: item.id, replayed };
  }
}
