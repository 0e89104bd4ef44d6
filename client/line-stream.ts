// Sends lines as one NDJSON request after the other, each going on where the one before was cut.
import type { Connection } from './exchange.ts';
import { LineFault, type LineResult, type LineStreamOptions, sendOnce, UnheardStream } from './line-request.ts';
import { LineWindow, type OutLine } from './line-window.ts';
import { DEFAULT_RETRY, isRetryable, pause, pauseMs } from './retry.ts';

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
  let { isFullDuplex } = options;
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
          for await (const answered of sendOnce(connection, window, { ...options, isFullDuplex }, faultsOfLine)) {
            failures = 0;
            faultsOfLine = 0;
            yield answered;
          }
        } catch (error) {
          signal?.throwIfAborted();
          if (!isRetryable(error) || connection.retry === null) throw error;
          if (error instanceof LineFault) faultsOfLine++;
          // From now on a window at a time, which passes a proxy that keeps requests until it has all of them.
          if (error instanceof UnheardStream) isFullDuplex = false;
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
