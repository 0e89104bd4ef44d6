// The client of the item-integration service. Needs nothing but fetch: Node, Deno and browsers run it.
import { readResult } from './batch-results.ts';
import type {
  BatchOutcome,
  BatchResult,
  Content,
  FeedEntry,
  Item,
  Lookup,
  Page,
  SaveOutcome,
  Stats,
} from './contract.ts';
import { ProblemError } from './errors.ts';
import { type Connection, type Exchange, exchange } from './exchange.ts';
import { type FeedOptions, followFeed } from './feed.ts';
import type { LineResult } from './line-request.ts';
import { sendLines } from './line-stream.ts';
import type { OutLine } from './line-window.ts';
import { DEFAULT_RETRY, type RetryOptions } from './retry.ts';

export type ItemsClientOptions = {
  /** Such as `https://items.example.com`, with a path when the service is behind one. */
  readonly baseUrl: string;
  readonly fetch?: typeof globalThis.fetch;
  readonly apiKey?: string;
  /** What differs from `DEFAULT_RETRY`; false: nothing is sent twice. */
  readonly retry?: Partial<RetryOptions> | false;
};

type Call = { readonly signal?: AbortSignal };
/** `idempotencyKey`: the same one in a later call makes that call the same request. By default a new one. */
export type SaveCall = Call & { readonly idempotencyKey?: string };
/** `minimal`: results hold ids instead of items. */
export type BatchCall = SaveCall & { readonly minimal?: boolean };
export type StreamCall = BatchCall & {
  /** The number of the first content, when a stream that was cut goes on in a new call under the same key (1). */
  readonly first?: number;
  /** Read from the source and not answered: lines (2,000) and bytes (4 MiB). */
  readonly maxLines?: number;
  readonly maxBytes?: number;
  /** Whether answers can be read while contents are being sent (in Node). Elsewhere requests follow one another. */
  readonly fullDuplex?: boolean;
  /** So long without even the head of an answer means that it cannot, because of a proxy on the way (5,000). */
  readonly unheardMs?: number;
  readonly onInterruption?: (error: Error, pauseMs: number) => void;
};
export type ListCall = Call & {
  readonly order?: 'asc' | 'desc';
  /** Of a page, 1 to 1,000. */
  readonly limit?: number;
  /** The `nextCursor` of a page. */
  readonly cursor?: string;
};

/**
 * Expected outcomes are values. Whatever else happens is a `ProblemError` (the service answered), an `UnreachableError`
 * (it did not) or the reason of the signal, after everything that may pass by itself was tried until the deadline.
 */
export class ItemsClient {
  readonly #connection: Connection;

  constructor({ baseUrl, fetch = globalThis.fetch, apiKey, retry = {} }: ItemsClientOptions) {
    this.#connection = {
      baseUrl: new URL(baseUrl).href.replace(/\/+$/, ''),
      // Browsers refuse a fetch that is called as a method of something else.
      fetch: (...args) => fetch(...args),
      headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
      retry: retry === false ? null : { ...DEFAULT_RETRY, ...retry },
    };
  }

  /** Saves a content. */
  async post(content: Content, call: SaveCall = {}): Promise<SaveOutcome> {
    return await this.postBody(JSON.stringify({ content }), call);
  }

  /** The same for a body that is JSON already, `{"content": …}`: parsing it here could change a number. */
  async postBody(body: string, { idempotencyKey = crypto.randomUUID(), signal }: SaveCall = {}): Promise<SaveOutcome> {
    // Lenient: a duplicate is an outcome here, and its item needs no problem around it.
    const headers = saveHeaders(idempotencyKey, 'handling=lenient');
    const answer = await exchange(
      this.#connection,
      { method: 'POST', path: '/v1/items', headers, body, expected: [200, 201] },
      signal,
    );
    const isReplayed = answer.headers.get('idempotent-replayed') === 'true';
    return { kind: answer.status === 200 ? 'duplicate' : isReplayed ? 'replayed' : 'saved', item: answer.body as Item };
  }

  /** Saves up to 1,000 contents in one request, each judged by itself. */
  async saveBatch(contents: readonly Content[], call: BatchCall = {}): Promise<BatchOutcome> {
    const { idempotencyKey = crypto.randomUUID(), minimal = false, signal } = call;
    const { body } = await exchange(
      this.#connection,
      {
        method: 'POST',
        path: '/v1/items/batch',
        headers: saveHeaders(idempotencyKey, minimal ? 'return=minimal' : undefined),
        body: JSON.stringify({ items: contents.map((content) => ({ content })) }),
        expected: [200, 207],
      },
      signal,
    );
    const batch = body as Omit<BatchOutcome, 'results'> & { results: unknown[] };
    return { ...batch, results: batch.results.map(readResult) };
  }

  /** Saves any number of contents and yields the result of each, in order. A slow reader of results slows the source. */
  async *saveStream(
    contents: AsyncIterable<Content> | Iterable<Content>,
    call: StreamCall = {},
  ): AsyncGenerator<BatchResult, void, undefined> {
    for await (const { result } of this.sendLines(linesOf(contents), call)) if (result !== null) yield result;
  }

  /** The same for lines that are JSON already, `{"content": …}` each, without their line feeds. */
  sendLines<T>(
    lines: AsyncIterable<OutLine<T>>,
    call: StreamCall = {},
  ): AsyncGenerator<LineResult<T>, void, undefined> {
    return sendLines(this.#connection, lines, {
      idempotencyKey: call.idempotencyKey ?? crypto.randomUUID(),
      first: call.first ?? 1,
      headers: call.minimal === true ? { prefer: 'return=minimal' } : {},
      isFullDuplex: call.fullDuplex ?? 'process' in globalThis,
      unheardMs: call.unheardMs ?? 5_000,
      maxLines: call.maxLines ?? 2_000,
      maxBytes: call.maxBytes ?? 4_194_304,
      signal: call.signal,
      onInterruption: call.onInterruption,
    });
  }

  /** The item, or null. */
  async get(id: string, { signal }: Call = {}): Promise<Item | null> {
    const path = `/v1/items/${encodeURIComponent(id)}`;
    return (await this.#unlessNotFound({ method: 'GET', path, expected: [200] }, signal)) as Item | null;
  }

  /** What the service makes of a content, and the item that holds it, if there is one. */
  async lookup(content: Content, call: Call = {}): Promise<Lookup> {
    return await this.lookupBody(JSON.stringify({ content }), call);
  }

  /** The same for a body that is JSON already, `{"content": …}`. */
  async lookupBody(body: string, { signal }: Call = {}): Promise<Lookup> {
    const headers = { 'content-type': 'application/json' };
    const asked = { method: 'POST', path: '/v1/items/lookup', headers, body, expected: [200] } as const;
    const found = await this.#unlessNotFound(asked, signal, ({ body: { kind, canonical, sha256 } }) => ({
      item: null,
      kind,
      canonical,
      sha256,
    }));
    return found as Lookup;
  }

  /** Erases an item. False when there is none (any more: an answer that was lost on the way may have erased it). */
  async delete(id: string, { signal }: Call = {}): Promise<boolean> {
    const path = `/v1/items/${encodeURIComponent(id)}`;
    const gone = await this.#unlessNotFound({ method: 'DELETE', path, expected: [204] }, signal, () => false);
    return gone !== false;
  }

  /** Totals since the beginning. */
  async stats({ signal }: Call = {}): Promise<Stats> {
    return (await exchange(this.#connection, { method: 'GET', path: '/v1/stats', expected: [200] }, signal))
      .body as Stats;
  }

  /** Page after page. */
  async *list({ order = 'asc', limit = 1_000, cursor, signal }: ListCall = {}): AsyncGenerator<Page, void, undefined> {
    for (let next: string | null | undefined = cursor; next !== null;) {
      const query = new URLSearchParams({ limit: `${limit}`, order, ...(next === undefined ? {} : { cursor: next }) });
      const path = `/v1/items?${query.toString()}`;
      const page = (await exchange(this.#connection, { method: 'GET', path, expected: [200] }, signal)).body as Page;
      yield page;
      next = page.nextCursor;
    }
  }

  /** Every item that is saved, without end; see `followFeed`. */
  feed(options: FeedOptions = {}): AsyncGenerator<FeedEntry, never, undefined> {
    return followFeed(this.#connection, options);
  }

  async #unlessNotFound(
    asked: Exchange,
    signal: AbortSignal | undefined,
    whenNotFound: (problem: ProblemError) => unknown = () => null,
  ): Promise<unknown> {
    try {
      return (await exchange(this.#connection, asked, signal)).body;
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'item-not-found') return whenNotFound(error);
      throw error;
    }
  }
}

function saveHeaders(idempotencyKey: string, prefer?: string): Record<string, string> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': idempotencyKey };
  return prefer === undefined ? headers : { ...headers, prefer };
}

async function* linesOf(contents: AsyncIterable<Content> | Iterable<Content>): AsyncGenerator<OutLine<null>> {
  const encoder = new TextEncoder();
  for await (const content of contents) yield { bytes: encoder.encode(JSON.stringify({ content })), tag: null };
}
