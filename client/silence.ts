// Ends a wait for the other side that lasts too long.
import { UnreachableError } from './errors.ts';

/** Ends a request whose other side owes us something and says nothing. Time in which we do not ask does not count. */
export class Silence {
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
