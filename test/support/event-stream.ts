// Reads server-sent events over a socket of its own, one block at a time and only when asked.
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

export type Block = { readonly id?: string; readonly event?: string; readonly data?: string; readonly retry?: string };

export class EventStream implements AsyncDisposable {
  readonly response: IncomingMessage;
  /** The last id that came, as a browser keeps it. */
  lastId = '';
  readonly #chunks: AsyncIterator<string>;
  #text = '';

  private constructor(response: IncomingMessage) {
    this.response = response;
    this.#chunks = response.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>;
  }

  /** Sends the request and returns when its head is answered. */
  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
    const outgoing = request(url, { headers, agent: false });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return new EventStream(response);
  }

  /** The next block, comments left out; null at the end. Throws when the connection breaks. */
  async next(): Promise<Block | null> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end === -1) {
        const { done, value } = await this.#chunks.next();
        if (done === true) return null;
        this.#text += value;
        continue;
      }
      const lines = this.#text.slice(0, end).split('\n');
      this.#text = this.#text.slice(end + 2);
      const fields = lines.filter((line) => !line.startsWith(':')).map((line) => line.split(/: (.*)/s, 2));
      if (fields.length === 0) continue;
      const block = Object.fromEntries(fields) as Block;
      if (block.id !== undefined) this.lastId = block.id;
      return block;
    }
  }

  /** The item of the next block that has one; null at the end. */
  async nextItem<T>(): Promise<T | null> {
    for (let block = await this.next(); block !== null; block = await this.next()) {
      if (block.data !== undefined) return JSON.parse(block.data) as T;
    }
    return null;
  }

  close(): void {
    this.response.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
