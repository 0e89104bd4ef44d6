// Follows the feed of saved items over as many connections as it takes.
import type { FeedEntry, Item } from './contract.ts';
import { problemFrom, unreachable, UnreachableError } from './errors.ts';
import type { Connection } from './exchange.ts';
import { DEFAULT_RETRY, isRetryable, pause, pauseMs } from './retry.ts';
import { Silence } from './silence.ts';
import { SseParser } from './sse-parser.ts';

/** The service sends a sign of life every 15 s; three missing ones are a dead connection. */
export const SILENCE_MS = 45_000;
const MAX_PAUSE_MS = 30_000;

export type FeedOptions = {
  /** Begins behind this cursor, of the feed or of an ascending listing; `latest`: with what is saved from now on. */
  readonly after?: string;
  readonly signal?: AbortSignal;
  /** How long a connection may be silent. */
  readonly silenceMs?: number;
  /** Hears why a connection ended, and how long the pause before the next one is. */
  readonly onInterruption?: (error: Error, pauseMs: number) => void;
};

/**
 * Every item from `after` on, without end. A connection that ends, breaks or falls silent is replaced by one that goes
 * on behind the last item that was yielded. Throws a `ProblemError` that a retry does not mend, such as a bad cursor,
 * and the signal's reason.
 */
export async function* followFeed(
  connection: Connection,
  { after, signal, silenceMs = SILENCE_MS, onInterruption }: FeedOptions,
): AsyncGenerator<FeedEntry, never, undefined> {
  let position = '';
  let retryMs = DEFAULT_RETRY.baseMs;
  for (let failures = 0; ;) {
    const parser = new SseParser();
    let error: Error;
    try {
      for await (const text of openFeed(connection, position, after, signal, silenceMs)) {
        failures = 0;
        for (const { type, data, lastEventId } of parser.push(text)) {
          if (type !== 'item') continue;
          yield { cursor: lastEventId, item: JSON.parse(data) as Item };
          position = lastEventId;
        }
        position = parser.lastEventId || position;
        retryMs = parser.retryMs ?? retryMs;
      }
      error = new UnreachableError('the connection ended');
    } catch (reason) {
      signal?.throwIfAborted();
      if (!isRetryable(reason)) throw reason;
      error = reason as Error;
    }
    failures++;
    // Never sooner than the service wants us back: one that shuts down names a time after which it is gone.
    const waitMs = retryMs + pauseMs(failures, error, { ...DEFAULT_RETRY, baseMs: retryMs, capMs: MAX_PAUSE_MS });
    onInterruption?.(error, waitMs);
    await pause(waitMs, signal);
  }
}

/** The text of one connection as it comes, until it ends. */
async function* openFeed(
  { baseUrl, fetch, headers }: Connection,
  position: string,
  after: string | undefined,
  signal: AbortSignal | undefined,
  silenceMs: number,
): AsyncGenerator<string, void, undefined> {
  signal?.throwIfAborted();
  const ending = new AbortController();
  const abort = (): void => ending.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const silence = new Silence(ending, silenceMs, () => true);
  const limit = async <V>(waited: Promise<V>): Promise<V> => {
    try {
      return await silence.limit(waited);
    } catch (error) {
      throw unreachable(error);
    }
  };
  try {
    const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
    const resume = position === '' ? {} : { 'last-event-id': position };
    const response = await limit(
      fetch(`${baseUrl}/v1/items/feed${query}`, {
        headers: { ...headers, accept: 'text/event-stream', ...resume },
        cache: 'no-store',
        signal: ending.signal,
      }),
    );
    if (response.status !== 200) {
      throw problemFrom(response.status, response.headers, await limit(response.text()));
    }
    const decoder = new TextDecoder();
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
    for (;;) {
      const { done, value } = await limit(reader.read());
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    ending.abort();
    signal?.removeEventListener('abort', abort);
  }
}
