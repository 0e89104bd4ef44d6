// One content on its way into the store, with everybody who waits for it.
import type { Content, ContentKey } from './content.ts';
import { type FailureCode, ServiceFailure } from './errors.ts';
import type { HeldLock } from './held-lock.ts';
import { type Item, itemAt } from './item.ts';
import type { LockWait } from './lock-wait.ts';
import type { AnswerCounts, Claim, LockGrant, SaveCommand, Verdict } from './ports.ts';
import { isRepeatable, type TokenKind } from './request-token.ts';

/** A request to save one content. `deadlineMs` is on the monotonic clock; after it the answer is a failure. */
export type SaveRequest = {
  readonly key: ContentKey;
  readonly content: Content;
  readonly source: string;
  readonly token: string;
  readonly tokenKind: TokenKind;
  readonly deadlineMs: number;
};

/** What became of a save. Each is an expected outcome; failures are thrown as `ServiceFailure`. */
export type SaveOutcome =
  | { readonly kind: 'saved' | 'replayed' | 'duplicate'; readonly item: Item }
  | { readonly kind: 'in_progress' | 'key_reused' };

type Waiter = {
  readonly request: SaveRequest;
  /** Whether the last command counts it. */
  isCounted: boolean;
  readonly resolve: (outcome: SaveOutcome) => void;
  readonly reject: (error: Error) => void;
};

type FinalVerdict = Exclude<Verdict, { kind: 'fenced' | 'damaged' }> | { readonly kind: 'in_progress' };

// Bounds what one content adds to a script. Claims beyond it are sent in the next round.
const MAX_CLAIMS = 64;

/** A code and a reason, of which an error is made only when it is needed: its stack took 6 % of a long stream's CPU. */
export type LastFailure = { readonly code: FailureCode; readonly message: string };

const NOT_SENT: LastFailure = {
  code: 'store-unavailable',
  message: 'the deadline passed before the save could be sent',
};

export class PendingSave {
  readonly key: ContentKey;
  readonly contentBytes: number;
  /** An earlier commit ended unknown: if the store now knows one of our tokens, it was that commit which saved it. */
  uncertain = false;
  /** While another instance has the lock: each round then only asks whether the content is saved by now. */
  wait: LockWait | null = null;
  /** Why its last round did not decide it. */
  lastFailure = NOT_SENT;
  readonly #content: Content;
  #waiters: Waiter[] = [];
  #lock: HeldLock | null = null;
  /** The tokens of the claims in the last command. */
  #claimed: ReadonlySet<string> = new Set();
  /** Somebody was told that it is new; whoever comes with the same token after that is a replay. */
  #isAnsweredAsSaved = false;

  constructor({ key, content }: Pick<SaveRequest, 'key' | 'content'>) {
    this.key = key;
    this.#content = content;
    this.contentBytes = Buffer.byteLength(content.text);
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

  /** Waits for the outcome of this save, as seen by this request. */
  join(request: SaveRequest): Promise<SaveOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<SaveOutcome>();
    this.#waiters.push({ request, isCounted: false, resolve, reject });
    return promise;
  }

  /**
   * The command for the next commit. One request without an idempotency key speaks for all such. Each key makes a claim of
   * its own, so that the store remembers what it was used for, and the token of a batch does, so that it is counted right:
   * it may have saved the content long ago.
   */
  command(lockToken: string): SaveCommand {
    const claims = new Map<string, Claim & { requests: number }>();
    let hasSpeaker = false;
    let others = 0;
    for (const waiter of this.#waiters) {
      const { token, tokenKind, source } = waiter.request;
      const speaksForItself = isRepeatable(tokenKind);
      const claim = claims.get(token);
      waiter.isCounted = true;
      if (claim !== undefined) {
        claim.requests++;
      } else if (!speaksForItself && hasSpeaker) {
        others++;
      } else if (claims.size < MAX_CLAIMS) {
        claims.set(token, { token, isIdempotencyKey: tokenKind === 'key', source, requests: 1 });
        hasSpeaker ||= !speaksForItself;
      } else {
        waiter.isCounted = false;
      }
    }
    this.#claimed = new Set(claims.keys());
    return { key: this.key, content: this.#content, claims: [...claims.values()], others, lockToken };
  }

  /**
   * Answers those whose claim was decided, or who need none. `isOver` is false when some are left for another commit;
   * `uncounted` are the answers to those who came after the command, or for whom it had no room.
   */
  settle(verdict: FinalVerdict): { readonly isOver: boolean; readonly uncounted: AnswerCounts } {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ request }) => !this.#isDecided(request, verdict));
    const left = new Set(this.#waiters);
    const uncounted = { duplicates: 0, replayed: 0 };
    for (const waiter of waiters) {
      if (left.has(waiter)) continue;
      const outcome = this.#outcomeFor(waiter.request, verdict);
      if (!waiter.isCounted && outcome.kind === 'duplicate') uncounted.duplicates++;
      if (!waiter.isCounted && outcome.kind === 'replayed') uncounted.replayed++;
      waiter.resolve(outcome);
    }
    return { isOver: left.size === 0, uncounted };
  }

  fail(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  /** Fails the waiters whose deadline has passed, with the last failure of this save; true when nobody is left. */
  expire(nowMs: number): boolean {
    const { code, message } = this.lastFailure;
    const isExpired = ({ request }: Waiter): boolean => request.deadlineMs <= nowMs;
    if (this.#waiters.some(isExpired)) {
      for (const waiter of this.#waiters.filter(isExpired)) waiter.reject(new ServiceFailure(code, message));
      this.#waiters = this.#waiters.filter((waiter) => !isExpired(waiter));
    }
    return this.#waiters.length === 0;
  }

  #isDecided({ token, tokenKind }: SaveRequest, verdict: FinalVerdict): boolean {
    if (verdict.kind === 'in_progress' || this.#claimed.has(token)) return true;
    // Whoever has no key is decided by what became of the content; if nothing did, it has to be sent for them.
    return tokenKind !== 'key' && verdict.kind !== 'key_reused';
  }

  #outcomeFor({ token, tokenKind }: SaveRequest, verdict: FinalVerdict): SaveOutcome {
    if (verdict.kind === 'in_progress' || verdict.kind === 'key_reused') return { kind: verdict.kind };
    if (verdict.reused.includes(token)) return { kind: 'key_reused' };
    const item = itemAt(verdict.position, this.#content, verdict.source);
    if (token !== verdict.token) return { kind: 'duplicate', item };
    // A client's key may have saved it long before our uncertain commit; any other token is this request's alone.
    const isOurs = verdict.kind === 'saved' || (this.uncertain && !isRepeatable(tokenKind));
    const isNew = isOurs && !this.#isAnsweredAsSaved;
    this.#isAnsweredAsSaved ||= isNew;
    return { kind: isNew ? 'saved' : 'replayed', item };
  }
}
