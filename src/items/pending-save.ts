// One content on its way into the store, with everybody who waits for it.
import type { Content, ContentKey } from './content.ts';
import { type FailureCode, ServiceFailure } from './errors.ts';
import type { HeldLock } from './held-lock.ts';
import { type Item, itemAt } from './item.ts';
import type { LockWait } from './lock-wait.ts';
import type { AnswerCounts, Claim, LockGrant, SaveCommand, Verdict } from './ports.ts';
import { isRepeatable, type TokenKind } from './request-token.ts';
import type { SaveTrace, SaveWait } from './save-trace.ts';

/** A request to save one content. `deadlineMs` is on the monotonic clock; after it the answer is a failure. */
export type SaveRequest = {
  readonly key: ContentKey;
  readonly content: Content;
  readonly source: string;
  readonly token: string;
  readonly tokenKind: TokenKind;
  readonly deadlineMs: number;
  /** Absent unless the request is traced. */
  readonly trace?: SaveTrace | undefined;
};

/** What became of a save. Each is an expected outcome; failures are `ServiceFailure`. */
export type SaveOutcome =
  | { readonly kind: 'saved' | 'replayed' | 'duplicate'; readonly item: Item }
  | { readonly kind: 'in_progress' | 'key_reused' };

/** Who waits for a save. One of the two is called, once, while others wait for their answer: neither may throw. */
export interface Waiter {
  resolve(outcome: SaveOutcome): void;
  reject(error: Error): void;
}

type Claimant = {
  readonly request: SaveRequest;
  readonly waiter: Waiter;
  /** Whether the last command counts it. */
  isCounted: boolean;
};

type FinalVerdict = Exclude<Verdict, { kind: 'fenced' | 'full' | 'damaged' }> | { readonly kind: 'in_progress' };

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
  /** Whether the round that it is in has to decide about it yet. */
  isInRound = false;
  /** While another instance has the lock: each round then only asks whether the content is saved by now. */
  wait: LockWait | null = null;
  /** Why its last round did not decide it. */
  lastFailure = NOT_SENT;
  readonly #content: Content;
  readonly #answered: () => void;
  #claimants: Claimant[];
  #lock: HeldLock | null = null;
  /** In the last command. */
  #claims: readonly Claim[] = [];
  /** Somebody was told that it is new; whoever comes with the same token after that is a replay. */
  #isAnsweredAsSaved = false;

  /** `answered` is called for each waiter, before it is. */
  constructor(request: SaveRequest, waiter: Waiter, answered: () => void) {
    this.key = request.key;
    this.#content = request.content;
    this.contentBytes = Buffer.byteLength(request.content.text);
    this.#answered = answered;
    this.#claimants = [{ request, waiter, isCounted: false }];
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

  /** The traces of the requests that wait for it now. */
  get traces(): SaveTrace[] {
    return this.#claimants.flatMap(({ request }) => request.trace ?? []);
  }

  /** Tells the traces what it waits for. */
  waits(why: SaveWait): void {
    for (const trace of this.traces) trace.wait(why);
  }

  /** Waits for the outcome of this save, as seen by another request. */
  join(request: SaveRequest, waiter: Waiter): void {
    request.trace?.wait('join', this.traces[0]);
    this.#claimants.push({ request, waiter, isCounted: false });
  }

  /**
   * The command for the next commit. One request without an idempotency key speaks for all such. Each key makes a claim of
   * its own, so that the store remembers what it was used for, and the token of a batch does, so that it is counted right:
   * it may have saved the content long ago.
   */
  command(lockToken: string): SaveCommand {
    const claims: (Claim & { requests: number })[] = [];
    let hasSpeaker = false;
    let others = 0;
    for (const claimant of this.#claimants) {
      const { token, tokenKind, source } = claimant.request;
      const speaksForItself = isRepeatable(tokenKind);
      const claim = claims.find((earlier) => earlier.token === token);
      claimant.isCounted = true;
      if (claim !== undefined) {
        claim.requests++;
      } else if (!speaksForItself && hasSpeaker) {
        others++;
      } else if (claims.length < MAX_CLAIMS) {
        claims.push({ token, isIdempotencyKey: tokenKind === 'key', source, requests: 1 });
        hasSpeaker ||= !speaksForItself;
      } else {
        claimant.isCounted = false;
      }
    }
    this.#claims = claims;
    return { key: this.key, content: this.#content, claims, others, lockToken };
  }

  /**
   * Answers those whose claim was decided, or who need none. `isOver` is false when some are left for another commit;
   * `uncounted` are the answers to those who came after the command, or for whom it had no room.
   */
  settle(verdict: FinalVerdict): { readonly isOver: boolean; readonly uncounted: AnswerCounts } {
    const claimants = this.#claimants;
    const uncounted = { duplicates: 0, replayed: 0 };
    this.#claimants = [];
    for (const claimant of claimants) {
      if (isTurnedAway(claimant.request, verdict)) {
        this.#reject(claimant.waiter, this.noRoom);
      } else if (this.#isDecided(claimant.request, verdict)) {
        const outcome = this.#outcomeFor(claimant.request, verdict);
        if (!claimant.isCounted && outcome.kind === 'duplicate') uncounted.duplicates++;
        if (!claimant.isCounted && outcome.kind === 'replayed') uncounted.replayed++;
        this.#answered();
        claimant.waiter.resolve(outcome);
      } else {
        this.#claimants.push(claimant);
      }
    }
    return { isOver: this.#claimants.length === 0, uncounted };
  }

  /** An earlier round may have saved it, and its write may still come: then "nothing was saved" would say too much. */
  get noRoom(): ServiceFailure {
    return new ServiceFailure(this.uncertain ? 'not-replicated' : 'storage-full', 'Redis is out of memory');
  }

  fail(error: Error): void {
    for (const { waiter } of this.#claimants.splice(0)) this.#reject(waiter, error);
  }

  /** Fails the waiters whose deadline has passed, with the last failure of this save; true when nobody is left. */
  expire(nowMs: number): boolean {
    const isExpired = ({ request }: Claimant): boolean => request.deadlineMs <= nowMs;
    if (this.#claimants.some(isExpired)) {
      const { code, message } = this.lastFailure;
      const expired = this.#claimants.filter(isExpired);
      this.#claimants = this.#claimants.filter((claimant) => !isExpired(claimant));
      for (const { waiter } of expired) this.#reject(waiter, new ServiceFailure(code, message));
    }
    return this.#claimants.length === 0;
  }

  #reject(waiter: Waiter, error: Error): void {
    this.#answered();
    waiter.reject(error);
  }

  #isDecided({ token, tokenKind }: SaveRequest, verdict: FinalVerdict): boolean {
    if (verdict.kind === 'in_progress') return true;
    // Whoever has no key is decided by what became of the content; if nothing did, it has to be sent for them.
    if (tokenKind !== 'key' && verdict.kind !== 'key_reused') return true;
    return this.#claims.some((claim) => claim.token === token);
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

/** Whether the store, which is full, could not remember the key of this request. */
function isTurnedAway({ token }: SaveRequest, verdict: FinalVerdict): boolean {
  return verdict.kind === 'known' && verdict.unrecorded.includes(token);
}
