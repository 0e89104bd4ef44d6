// Every request of a run, noted before it is sent and after it was answered, in a form that holds millions of them.
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Attempt, Outcome } from './attempt.ts';
import { StringPool } from './string-pool.ts';

/** Why an attempt without any outcome is unknown. */
export const NOT_ANSWERED = 'not answered yet';

const PENDING = 0;
const SAVED = 1;
const REPLAYED = 2;
const DUPLICATE = 3;
const REFUSED = 4;
const UNKNOWN = 5;
const LINES_PER_WRITE = 1_000;

type Sent = Pick<Attempt, 'client' | 'content' | 'idempotencyKey' | 'sentAtMs'>;

/**
 * Columns instead of an object for each attempt: about 60 bytes besides the texts, where an object with its outcome
 * takes 250. Iterating makes the attempts anew, in the order of sending.
 */
export class Journal implements Iterable<Attempt> {
  #sentAtMs = new Float64Array(1024);
  #answeredAtMs = new Float64Array(1024);
  #clients = new Uint32Array(1024);
  #kinds = new Uint8Array(1024);
  readonly #contents: string[] = [];
  readonly #keys: (string | null)[] = [];
  /** The id of an item, or else the text of a refusal or an unknown; there are few different ones. */
  readonly #details: string[] = [];
  readonly #refusals = new Map<string, { readonly status: number; readonly code: string }>();

  get length(): number {
    return this.#contents.length;
  }

  /** Notes a request that is about to be sent; returns the number under which its outcome is to be noted. */
  sent({ client, content, idempotencyKey, sentAtMs }: Sent): number {
    const n = this.length;
    if (n === this.#kinds.length) this.#grow();
    this.#sentAtMs[n] = sentAtMs;
    this.#clients[n] = client;
    this.#kinds[n] = PENDING;
    this.#contents.push(content);
    this.#keys.push(idempotencyKey);
    this.#details.push(NOT_ANSWERED);
    return n;
  }

  /** Notes what became of request `n`; throws when that is noted already. */
  answered(n: number, outcome: Outcome, answeredAtMs: number): void {
    if (this.#kinds[n] !== PENDING) throw new Error(`Attempt ${n} is not waiting for an answer.`);
    this.#answeredAtMs[n] = answeredAtMs;
    this.#note(n, outcome);
  }

  *[Symbol.iterator](): Iterator<Attempt> {
    for (let n = 0; n < this.#contents.length; n++) yield this.at(n);
  }

  /** The attempt with this number; throws when there is none. */
  at(n: number): Attempt {
    const content = this.#contents[n];
    if (content === undefined) throw new Error(`There is no attempt ${n}.`);
    return {
      n,
      client: this.#clients[n] as number,
      content,
      idempotencyKey: this.#keys[n] as string | null,
      sentAtMs: this.#sentAtMs[n] as number,
      answeredAtMs: this.#kinds[n] === PENDING ? null : (this.#answeredAtMs[n] as number),
      outcome: this.#outcome(n),
    };
  }

  /** Writes one line of JSON for each attempt. */
  async writeTo(path: string): Promise<void> {
    await pipeline(Readable.from(this.#lines()), createWriteStream(path));
  }

  /** Reads what `writeTo` wrote; throws when the numbers of the attempts are not those of the lines. */
  static async readFrom(path: string): Promise<Journal> {
    const journal = new Journal();
    const pool = new StringPool();
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
      const attempt = JSON.parse(line) as Attempt;
      const n = journal.sent({ ...attempt, content: pool.of(attempt.content) });
      if (attempt.n !== n) throw new Error(`Line ${n + 1} of ${path} holds attempt ${attempt.n}.`);
      if (attempt.answeredAtMs !== null) journal.answered(n, attempt.outcome, attempt.answeredAtMs);
    }
    return journal;
  }

  *#lines(): Iterable<string> {
    const lines: string[] = [];
    for (const attempt of this) {
      // Line ends for whoever reads by lines, but not for JSON, which takes their escapes as well.
      const line = JSON.stringify(attempt).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
      if (lines.push(`${line}\n`) < LINES_PER_WRITE) continue;
      yield lines.splice(0).join('');
    }
    yield lines.join('');
  }

  #note(n: number, outcome: Outcome): void {
    switch (outcome.kind) {
      case 'saved':
      case 'duplicate':
        this.#details[n] = outcome.id;
        this.#kinds[n] = outcome.kind === 'duplicate' ? DUPLICATE : outcome.replayed ? REPLAYED : SAVED;
        return;
      case 'refused': {
        const text = `${outcome.status} ${outcome.code}`;
        if (!this.#refusals.has(text)) this.#refusals.set(text, { status: outcome.status, code: outcome.code });
        this.#details[n] = text;
        this.#kinds[n] = REFUSED;
        return;
      }
      case 'unknown':
        this.#details[n] = outcome.why;
        this.#kinds[n] = UNKNOWN;
    }
  }

  #outcome(n: number): Outcome {
    const detail = this.#details[n] as string;
    const kind = this.#kinds[n];
    if (kind === SAVED || kind === REPLAYED) return { kind: 'saved', id: detail, replayed: kind === REPLAYED };
    if (kind === DUPLICATE) return { kind: 'duplicate', id: detail };
    const refusal = kind === REFUSED ? this.#refusals.get(detail) : undefined;
    return refusal === undefined ? { kind: 'unknown', why: detail } : { kind: 'refused', ...refusal };
  }

  #grow(): void {
    const capacity = this.#kinds.length * 2;
    this.#sentAtMs = grown(new Float64Array(capacity), this.#sentAtMs);
    this.#answeredAtMs = grown(new Float64Array(capacity), this.#answeredAtMs);
    this.#clients = grown(new Uint32Array(capacity), this.#clients);
    this.#kinds = grown(new Uint8Array(capacity), this.#kinds);
  }
}

function grown<T extends Float64Array | Uint32Array | Uint8Array>(to: T, from: T): T {
  to.set(from);
  return to;
}
