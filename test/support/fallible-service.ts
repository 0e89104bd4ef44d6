// Answers POST /v1/items as the service does, from memory, and goes wrong now and then as networks and services do.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { asJson } from '../../chaos/content-form.ts';
import { readContent } from '../../src/http/item-body.ts';

type Stored = { readonly id: string; readonly by: string };
/** What becomes of a request; `hang` and `cut` save or not and never answer. */
export type Mood = 'answer' | 'refuse' | 'in-progress' | 'bad-gateway' | 'hang' | 'cut' | 'garbage';

export class FallibleService implements AsyncDisposable {
  /** By content, written down as in a journal. */
  readonly stored = new Map<string, Stored>();
  readonly #server: Server;
  #requests = 0;

  private constructor(mood: (n: number) => Mood) {
    this.#server = createServer((request, response) => {
      const n = this.#requests++;
      const key = request.headers['idempotency-key'];
      const by = key === undefined ? `request ${n}` : String(key);
      void text(request).then((body) => this.#answer(response, body, by, mood(n), n));
    });
  }

  /** Starts it; `mood` is asked for every request, by its number. */
  static async start(mood: (n: number) => Mood): Promise<FallibleService> {
    const service = new FallibleService(mood);
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(response: ServerResponse, body: string, by: string, mood: Mood, n: number): void {
    const problem = (status: number, code: string, more = {}): void => {
      response.writeHead(status, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ status, code, ...more }));
    };
    const { kind, text: canonical } = readContent(body);
    const content = kind === 'json' ? asJson(canonical) : canonical;
    const known = this.stored.get(content);
    // Whatever is not answered is saved every other time.
    if (known === undefined && (mood === 'answer' || n % 2 === 0)) this.stored.set(content, { id: `${n}-0-0`, by });
    if (mood === 'refuse') return problem(503, 'not-replicated');
    if (mood === 'in-progress') return problem(409, 'save-in-progress');
    if (mood === 'bad-gateway') return problem(502, 'bad-gateway');
    if (mood === 'hang') return;
    if (mood === 'cut') return void response.destroy();
    if (mood === 'garbage') return void response.writeHead(201).end('{');
    const { id, by: saver } = known ?? { id: `${n}-0-0`, by };
    if (saver !== by) return problem(409, 'duplicate-item', { item: { id, content } });
    response.writeHead(201, known === undefined ? {} : { 'idempotent-replayed': 'true' });
    response.end(JSON.stringify({ id, content }));
  }
}
