// Consumes the feed as a client should: connects again when it ends or breaks, behind the last id that came.
import { setTimeout } from 'node:timers/promises';
import { EventStream } from './event-stream.ts';

export type FeedItem = { readonly id: string; readonly content: string };

export class FeedConsumer implements AsyncDisposable {
  readonly items: FeedItem[] = [];
  /** How often it was connected, and how often that ended as it should. */
  connected = 0;
  endedCleanly = 0;
  readonly #url: string;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #lastId = '';
  #retryMs = 1_000;

  constructor(url: string) {
    this.#url = `${url}/v1/items/feed`;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // Broken, or nobody there: both end in another try.
      await this.#consume().catch(() => {});
      await setTimeout(this.#retryMs, undefined, { signal }).catch(() => {});
    }
  }

  async #consume(): Promise<void> {
    await using stream = await EventStream.open(
      this.#url,
      this.#lastId === '' ? {} : { 'last-event-id': this.#lastId },
    );
    if (stream.response.statusCode !== 200) return;
    const close = () => stream.close();
    this.#stopping.signal.addEventListener('abort', close);
    this.connected++;
    try {
      for (let block = await stream.next(); block !== null; block = await stream.next()) {
        if (block.retry !== undefined) this.#retryMs = Number(block.retry);
        if (block.data !== undefined) this.items.push(JSON.parse(block.data) as FeedItem);
        if (block.id !== undefined) this.#lastId = block.id;
      }
      this.endedCleanly++;
    } finally {
      this.#stopping.signal.removeEventListener('abort', close);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }
}
