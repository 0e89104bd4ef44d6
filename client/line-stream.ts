// Sends lines as one NDJSON request after the other, each going on where the one before was cut.
import { readResultLine } from './batch-results.ts';
import type { BatchResult } from './contract.ts';
import { problemFrom, unreachable, UnreachableError } from './errors.ts';
import type { Connection } from './exchange.ts';
import { LineBody } from './line-body.ts';
import { LineSplitter } from './line-splitter.ts';
import { LineWindow, type OutLine } from './line-window.ts';
import { DEFAULT_RETRY, isRetryable, passesByItself, pause, pauseMs } from './retry.ts';

/** Longer than any result: an item of the largest content in its longest spelling. */
const MAX_RESULT_BYTES = 1_048_576;
/** A content at which the service itself fails is told as failed after so many attempts, so that it stops nobody. */
const MAX_FAULTS_OF_A_LINE = 3;

export type LineStreamOptions = {
  /** Under which the service knows these lines again, together with their numbers. */
  readonly idempotencyKey: string;
  /** The number of the first line. */
  readonly first: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether this runtime can read answers while it still sends; a browser cannot. */
  readonly isFullDuplex: boolean;
  readonly maxLines: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Hears why a request broke off, and how long the pause before the next one is. */
  readonly onInterruption: ((error: Error, pauseMs: number) => void) | undefined;
};

/** `number` is what the service knows the line by, or of a line that was not sent the one of the next that is. */
export type LineResult<T> = { readonly tag: T; readonly number: number; readonly result: BatchResult | null };

/**
 * Sends lines and yields the result of each in order; null for one without bytes. What was sent and not answered is
 * sent again under the same numbers, so that nothing is lost or counted twice. Throws when nothing got on for as long as
 * the deadline of the retries, what the source throws, and the signal's reason.
 */
export async function* sendLines<T>(
  connection: Connection,
  source: AsyncIterable<OutLine<T>>,
  options: LineStreamOptions,
): AsyncGenerator<LineResult<T>, void, undefined> {
  const { signal, onInterruption } = options;
  const retry = connection.retry ?? DEFAULT_RETRY;
  const window = new LineWindow(source, options.first, options);
  const stop = (): void => window.stop();
  signal?.addEventListener('abort', stop, { once: true });
  let failures = 0;
  let troubleSinceMs = 0;
  let faultsOfLine = 0;
  try {
    for (;;) {
      const head = window.lines[0];
      signal?.throwIfAborted();
      if (head === undefined) {
        // No connection is held open for a source that has nothing to say.
        if (!window.isAtEnd) await window.change();
        else return window.throwIfFailed();
      } else if (head.bytes === null) {
        window.shift();
        yield { tag: head.tag, number: head.number, result: null };
      } else {
        try {
          for await (const answered of sendOnce(connection, window, options, faultsOfLine)) {
            failures = 0;
            faultsOfLine = 0;
            yield answered;
          }
        } catch (error) {
          signal?.throwIfAborted();
          if (!isRetryable(error) || connection.retry === null) throw error;
          if (error instanceof LineFault) faultsOfLine++;
          if (failures++ === 0) troubleSinceMs = performance.now();
          const waitMs = pauseMs(failures, error, retry);
          if (performance.now() + waitMs - troubleSinceMs >= retry.deadlineMs) throw error;
          onInterruption?.(error as Error, waitMs);
          await pause(waitMs, signal);
        }
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    window.stop();
  }
}

/** A line that failed with what passes by itself. */
class LineFault extends UnreachableError {}

/** One request. Ends when all it sent is answered and the source has ended or the service has had enough. */
async function* sendOnce<T>(
  { baseUrl, fetch, headers, retry }: Connection,
  window: LineWindow<T>,
  options: LineStreamOptions,
  faultsOfLine: number,
): AsyncGenerator<LineResult<T>, void, undefined> {
  const { signal, idempotencyKey, isFullDuplex } = options;
  const { attemptTimeoutMs } = retry ?? DEFAULT_RETRY;
  const ending = new AbortController();
  const abort = (): void => ending.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const body = new LineBody(window);
  // The head of the window is a line to be sent.
  const first = window.lines[0]?.number ?? options.first;
  try {
    const silence = new Silence(ending, attemptTimeoutMs, () => body.owed > 0);
    const response = await silence.limit(
      fetch(`${baseUrl}/v1/items/batch?first=${first}`, {
        method: 'POST',
        headers: {
          ...headers,
          ...options.headers,
          'content-type': 'application/x-ndjson',
          'idempotency-key': idempotencyKey,
        },
        signal: ending.signal,
        body: isFullDuplex ? body.stream() : await body.whole(),
        // Required for a stream. Node and Deno read the answer meanwhile all the same.
        duplex: 'half',
      }),
    );
    if (response.status !== 200) {
      throw problemFrom(response.status, response.headers, await silence.limit(response.text()));
    }
    const splitter = new LineSplitter(MAX_RESULT_BYTES);
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
    for (;;) {
      const { done, value } = await silence.limit(reader.read());
      if (done) break;
      for (const { bytes } of splitter.push(value)) {
        const result = readResultLine(bytes);
        if (body.owed <= 0) throw new UnreachableError('no answer: a result for a line that was not sent');
        if (isPassing(result, faultsOfLine)) throw new LineFault(`${result.code}: ${result.detail}`);
        yield take(window, body, result);
        faultsOfLine = 0;
        while (window.lines[0]?.bytes === null) yield take(window, body, null);
      }
    }
    if (body.owed > 0) throw new UnreachableError('no answer: the answer ended before the last result');
  } catch (error) {
    signal?.throwIfAborted();
    throw isRetryable(error) || !(error instanceof TypeError || error instanceof DOMException)
      ? error
      : unreachable(error);
  } finally {
    body.end();
    ending.abort();
    signal?.removeEventListener('abort', abort);
  }
}

function take<T>(window: LineWindow<T>, body: LineBody, result: BatchResult | null): LineResult<T> {
  const line = window.shift();
  body.shifted(line);
  return { tag: line?.tag as T, number: line?.number ?? 0, result };
}

function isPassing(result: BatchResult, faults: number): result is BatchResult & { kind: 'failed' } {
  if (result.kind !== 'failed' || !passesByItself(result.status, result.code)) return false;
  return result.status !== 500 || faults + 1 < MAX_FAULTS_OF_A_LINE;
}

/** Ends a request whose other side owes us something and says nothing. Time in which we do not ask does not count. */
class Silence {
  readonly #ending: AbortController;
  readonly #timeoutMs: number;
  readonly #isOwed: () => boolean;

  constructor(ending: AbortController, timeoutMs: number, isOwed: () => boolean) {
    this.#ending = ending;
    this.#timeoutMs = timeoutMs;
    this.#isOwed = isOwed;
  }

  async limit<V>(waited: Promise<V>): Promise<V> {
    const timer = setInterval(() => {
      if (this.#isOwed()) this.#ending.abort(new UnreachableError(`no answer for ${this.#timeoutMs} ms`));
    }, this.#timeoutMs);
    try {
      return await waited;
    } finally {
      clearInterval(timer);
    }
  }
}
