// A client of the NDJSON batch that sends and reads at its own pace, over a connection that shows how the answer ended.
import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';

export type ResultLine = {
  readonly status: number;
  readonly code?: string;
  readonly detail?: string;
  readonly replayed?: true;
  readonly id?: string;
  readonly item?: { readonly id: string; readonly content: unknown };
  readonly errors?: readonly unknown[];
};

export class LineClient implements Disposable {
  readonly outgoing: ClientRequest;
  readonly #agent = new Agent();
  readonly #answered: Promise<[IncomingMessage]>;
  #text = '';
  /** Whether the answer came to its end, or was cut off before; null while it goes on. */
  end: 'complete' | 'cut' | null = null;

  /** Sends the head of a request to `url`, which stands for an instance or for nginx. */
  constructor(url: string, headers: Readonly<Record<string, string>> = {}, query = '') {
    this.outgoing = request(`${url}/v1/items/batch${query}`, {
      method: 'POST',
      agent: this.#agent,
      headers: { 'content-type': 'application/x-ndjson', ...headers },
    });
    this.outgoing.on('error', () => (this.end ??= 'cut'));
    this.#answered = once(this.outgoing, 'response') as Promise<[IncomingMessage]>;
    this.#answered.catch(() => {});
    this.outgoing.flushHeaders();
  }

  send(text: string | Buffer): void {
    this.outgoing.write(text);
  }

  sendContent(content: unknown): void {
    this.send(`${JSON.stringify({ content })}\n`);
  }

  /** The head of the answer; its body is not read before `read` is called. */
  async head(): Promise<IncomingMessage> {
    const [answer] = await this.#answered;
    return answer;
  }

  /** Reads from now on; `lines` and `end` show how far it came. */
  async read(): Promise<void> {
    const answer = await this.head();
    answer.setEncoding('utf8').on('data', (text: string) => (this.#text += text));
    answer.on('close', () => (this.end = answer.complete ? 'complete' : 'cut'));
    answer.on('error', () => {});
  }

  /** The whole lines that have arrived. */
  get lines(): ResultLine[] {
    const whole = this.#text.slice(0, this.#text.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as ResultLine);
  }

  /** What has arrived, as it is. */
  get text(): string {
    return this.#text;
  }

  [Symbol.dispose](): void {
    this.outgoing.destroy();
    this.#agent.destroy();
  }
}
