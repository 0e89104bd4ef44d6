// One content on its way into the store, with everybody who waits for it.
import type { Content, ContentKey } from './content.ts';
import { type FailureCode, ServiceFailure } from './errors.ts';
import type { HeldLock } from './held-lock.ts';
import { type Item, type ItemPosition, itemAt } from './item.ts';
import type { LockGrant, SaveCommand, Verdict } from './ports.ts';

/** A request to save one content. `deadlineMs` is on the monotonic clock; after it the answer is a failure. */
export type SaveRequest = {
  readonly key: ContentKey;
  readonly content: Content;
  readonly source: string;
  readonly token: string;
  readonly tokenIsIdempotencyKey: boolean;
  readonly deadlineMs: number;
};

/** What became of a save. Each is an expected outcome; failures are thrown as `ServiceFailure`. */
export type SaveOutcome =
  | { readonly kind: 'saved' | 'replayed' | 'duplicate'; readonly item: Item }
  | { readonly kind: 'in_progress' | 'key_reused' };

type Waiter = {
  readonly token: string;
  readonly deadlineMs: number;
  readonly isCreator: boolean;
  readonly resolve: (outcome: SaveOutcome) => void;
  readonly reject: (error: Error) => void;
};

type FinalVerdict = Exclude<Verdict, { kind: 'fenced' | 'damaged' }> | { readonly kind: 'in_progress' };

export class PendingSave {
  readonly key: ContentKey;
  readonly contentBytes: number;
  #lock: HeldLock | null = null;
  /** An earlier commit ended unknown: if the store now knows our token, it was that commit which saved it. */
  uncertain = false;
  readonly #request: SaveRequest;
  readonly #waiters: Waiter[] = [];
  readonly #settled = Promise.withResolvers<void>();

  constructor(request: SaveRequest) {
    this.#request = request;
    this.key = request.key;
    this.contentBytes = Buffer.byteLength(request.content.text);
  }

  /** Resolves, and never rejects, when nobody waits for this save any more. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** The lock under which the next commit of this content runs. */
  get grant(): LockGrant | null {
    return this.#lock?.grant ?? null;
  }

  /** Takes another lock, or none, in place of the one that it has. */
  holdLock(lock: HeldLock | null): void {
    this.#lock?.leave();
    this.#lock = lock;
  }

  /** A request with an idempotency key of its own must reach the store, which remembers what the key was used for. */
  mayJoin(request: SaveRequest): boolean {
    return !request.tokenIsIdempotencyKey || request.token === this.#request.token;
  }

  /** Waits for the outcome of this save, as seen by this request. The first to join is the creator. */
  join(request: SaveRequest): Promise<SaveOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<SaveOutcome>();
    const { token, deadlineMs } = request;
    this.#waiters.push({ token, deadlineMs, isCreator: request === this.#request, resolve, reject });
    return promise;
  }

  command(lockToken: string): SaveCommand {
    const { key, content, source, token, tokenIsIdempotencyKey } = this.#request;
    return { key, content, source, token, tokenIsIdempotencyKey, lockToken };
  }

  settle(verdict: FinalVerdict): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(this.#outcomeFor(waiter, verdict));
    this.#settled.resolve();
  }

  fail(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    this.#settled.resolve();
  }

  /** Fails the waiters whose deadline has passed; true when nobody is left. */
  expire(nowMs: number, failure: FailureCode, detail: string): boolean {
    const expired = this.#waiters.filter((waiter) => waiter.deadlineMs <= nowMs);
    if (expired.length > 0) {
      const alive = this.#waiters.filter((waiter) => waiter.deadlineMs > nowMs);
      this.#waiters.splice(0, this.#waiters.length, ...alive);
      for (const waiter of expired) waiter.reject(new ServiceFailure(failure, detail));
    }
    if (this.#waiters.length > 0) return false;
    this.#settled.resolve();
    return true;
  }

  #outcomeFor(waiter: Waiter, verdict: FinalVerdict): SaveOutcome {
    switch (verdict.kind) {
      case 'in_progress':
      case 'key_reused':
        return { kind: verdict.kind };
      case 'saved':
        return this.#withItem(
          waiter.isCreator ? 'saved' : waiter.token === this.#request.token ? 'replayed' : 'duplicate',
          verdict.position,
          this.#request.source,
        );
      case 'known': {
        const own = waiter.token === verdict.token;
        const kind = own ? (waiter.isCreator && this.uncertain ? 'saved' : 'replayed') : 'duplicate';
        return this.#withItem(kind, verdict.position, verdict.source);
      }
    }
  }

  #withItem(kind: 'saved' | 'replayed' | 'duplicate', position: ItemPosition, source: string): SaveOutcome {
    return { kind, item: itemAt(position, this.#request.content.text, source) };
  }
}
