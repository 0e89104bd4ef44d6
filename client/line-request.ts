// One NDJSON request: sends lines of a window and yields their results, until it ends or breaks.
import { readResultLine } from './batch-results.ts';
import type { BatchResult } from './contract.ts';
import { ProblemError, problemFrom, unreachable, UnreachableError } from './errors.ts';
import type { Connection } from './exchange.ts';
import { LineBody } from './line-body.ts';
import { LineSplitter } from './line-splitter.ts';
import type { LineWindow } from './line-window.ts';
import { DEFAULT_RETRY, isRetryable, passesByItself } from './retry.ts';
import { Silence } from './silence.ts';

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
  /** A request without even the head of an answer for so long was not passed on while we were sending. */
  readonly unheardMs: number;
  readonly maxLines: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Hears why a request broke off, and how long the pause before the next one is. */
  readonly onInterruption: ((error: Error, pauseMs: number) => void) | undefined;
};

/** `number` is what the service knows the line by, or of a line that was not sent the one of the next that is. */
export type LineResult<T> = { readonly tag: T; readonly number: number; readonly result: BatchResult | null };

/** A line that failed with what passes by itself. */
export class LineFault extends UnreachableError {}

/** The head of the answer did not come while we were sending: a proxy on the way wants the whole request first. */
export class UnheardStream extends UnreachableError {}

/** One request. Ends when all it sent is answered and the source has ended or the service has had enough. */
export async function* sendOnce<T>(
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
  let isAnswered = false;
  const startedAtMs = performance.now();
  try {
    const silence = new Silence(ending, attemptTimeoutMs, () => body.owed > 0);
    const head = isFullDuplex
      ? new Silence(ending, Math.min(options.unheardMs, attemptTimeoutMs), () => body.owed > 0)
      : silence;
    const response = await head.limit(
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
        // Both together keep Node from holding a copy of all that was sent, for a redirect (1.2 GB for a file of 1 GB).
        redirect: 'error',
        window: null,
      }),
    );
    if (response.status !== 200) {
      throw problemFrom(response.status, response.headers, await silence.limit(response.text()));
    }
    isAnswered = true;
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
    // Cut while nothing was owed: the source had nothing to say for longer than somebody on the way waits.
    if (isAnswered && body.owed === 0) return;
    const isUnheard = isFullDuplex && !isAnswered && performance.now() - startedAtMs >= options.unheardMs;
    if (isUnheard && !(error instanceof ProblemError)) throw new UnheardStream(unreachable(error).message);
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
