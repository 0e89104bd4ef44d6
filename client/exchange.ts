// One request and its answer, as often as it takes.
import { problemFrom, unreachable, UnreachableError } from './errors.ts';
import { type RetryOptions, withRetry } from './retry.ts';

/** Where the service is and how it is talked to. */
export type Connection = {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly fetch: typeof globalThis.fetch;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: never send anything twice. */
  readonly retry: RetryOptions | null;
};

export type Exchange = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The statuses that are expected outcomes; every other one is thrown as a `ProblemError`. */
  readonly expected: readonly number[];
};

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: unknown };

/**
 * Sends a request until it has an answer that says something, and reads it. Throws a `ProblemError`, an
 * `UnreachableError`, or the signal's reason.
 */
export async function exchange(connection: Connection, asked: Exchange, signal?: AbortSignal): Promise<Answer> {
  const { method, path, body, expected } = asked;
  return await withRetry(connection.retry, signal, async (timeoutMs) => {
    const { status, headers, text } = await attempt(connection, signal, timeoutMs, path, {
      method,
      headers: { ...connection.headers, ...asked.headers },
      ...(body === undefined ? {} : { body }),
    });
    if (!expected.includes(status)) throw problemFrom(status, headers, text);
    return { status, headers, body: status === 204 ? null : parse(text) };
  });
}

async function attempt(
  { fetch, baseUrl }: Connection,
  signal: AbortSignal | undefined,
  timeoutMs: number,
  path: string,
  init: RequestInit,
): Promise<{ status: number; headers: Headers; text: string }> {
  signal?.throwIfAborted();
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new UnreachableError(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const stop = (): void => timeout.abort(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const response = await fetch(`${baseUrl}${path}`, { ...init, signal: timeout.signal });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Cut by something on the way, or not from the service at all.
    throw new UnreachableError('no answer: what came is not JSON');
  }
}
