// All that a run knows about one content: where it is stored, who sent it, what was answered.
import type { Attempt } from './attempt.ts';

/**
 * Who sent a request, as far as the service can tell retries from second saves: the idempotency key, and without one
 * the request itself, by its number.
 */
export type Identity = string | number;

export const identityOf = ({ idempotencyKey, n }: Attempt): Identity => idempotencyKey ?? n;

/** The first 201 for a content. */
export type FirstSave = {
  readonly n: number;
  readonly id: string;
  readonly by: Identity;
  /** No 201 for this content has been the original one so far. */
  onlyReplays: boolean;
};

export class ContentFacts {
  readonly content: string;
  /** By place: each node in order, then the listing. Null where the content is absent. */
  readonly ids: (string | null)[];
  /** Further ids, where it is stored more than once. */
  surplus: { readonly place: number; readonly id: string }[] | null = null;
  sent = false;
  firstSave: FirstSave | null = null;
  /** Number of the first attempt that was answered with a 409. */
  firstDuplicate: number | null = null;
  #firstSender: Identity | null = null;
  #firstSentAtMs = Infinity;
  /** When the first was sent by anybody but the first sender. */
  #othersSentAtMs = Infinity;

  constructor(content: string, places: number) {
    this.content = content;
    this.ids = Array.from({ length: places }, () => null);
  }

  /** Notes where it is stored; false when it is stored there already. */
  store(place: number, id: string): boolean {
    if (this.ids[place] === null) {
      this.ids[place] = id;
      return true;
    }
    this.surplus ??= [];
    this.surplus.push({ place, id });
    return false;
  }

  /** Every id under which it is stored at a place. */
  idsAt(place: number): string[] {
    const first = this.ids[place] ?? null;
    if (first === null) return [];
    return this.surplus === null
      ? [first]
      : [first, ...this.surplus.filter((entry) => entry.place === place).map(({ id }) => id)];
  }

  /** Whether it is stored under another id, and not under this one, at some place. */
  isStoredOtherwise(id: string): boolean {
    return this.ids.some((stored, place) => stored !== null && stored !== id && !this.idsAt(place).includes(id));
  }

  get isStored(): boolean {
    return this.ids.some((id) => id !== null);
  }

  get isAcknowledged(): boolean {
    return this.firstSave !== null || this.firstDuplicate !== null;
  }

  noteSent(attempt: Attempt): void {
    this.sent = true;
    const identity = identityOf(attempt);
    if (attempt.sentAtMs < this.#firstSentAtMs) {
      if (identity !== this.#firstSender) this.#othersSentAtMs = this.#firstSentAtMs;
      this.#firstSentAtMs = attempt.sentAtMs;
      this.#firstSender = identity;
    } else if (identity !== this.#firstSender) {
      this.#othersSentAtMs = Math.min(this.#othersSentAtMs, attempt.sentAtMs);
    }
  }

  /** Whether anybody else had sent it by then: if not, nobody else can have saved it. */
  wasSentByAnother(identity: Identity, beforeMs: number): boolean {
    return (identity === this.#firstSender ? this.#othersSentAtMs : this.#firstSentAtMs) < beforeMs;
  }
}

/** The facts of all contents of a run. */
export class FactBook implements Iterable<ContentFacts> {
  readonly #byContent = new Map<string, ContentFacts>();
  readonly #places: number;

  constructor(places: number) {
    this.#places = places;
  }

  of(content: string): ContentFacts {
    const known = this.#byContent.get(content);
    if (known !== undefined) return known;
    const facts = new ContentFacts(content, this.#places);
    this.#byContent.set(content, facts);
    return facts;
  }

  [Symbol.iterator](): Iterator<ContentFacts> {
    return this.#byContent.values();
  }
}
