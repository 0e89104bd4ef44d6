// A stand-in for the service that speaks its wire contract from memory and breaks on demand, for tests of the client.
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What goes wrong with one request. */
export type Fault = {
  /** Answers with this status and nothing else. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Cuts the connection before the answer of this many-th line (from 0), after saving `savesMore` further ones. */
  readonly cutAt?: number;
  readonly savesMore?: number;
  /** Fails the line at this place (from 0) with `lineStatus`. */
  readonly failAt?: number;
  readonly lineStatus?: number;
  /** Ends the answer before the result of this many-th line as if it were whole. */
  readonly endAt?: number;
  /** Waits for the whole request before it answers, as a proxy does that keeps requests. */
  readonly keepsRequest?: boolean;
  /** Answers nothing and keeps the connection. */
  readonly hangs?: boolean;
};

type Stored = {
  readonly item: { id: string; content: unknown; source: string; createdAt: string };
  readonly token: string;
};
type Result = Record<string, unknown> & { readonly status: number };

export class ScriptedService implements AsyncDisposable {
  readonly stored = new Map<string, Stored>();
  /** What comes in, in order: method, path with query, and selected headers. */
  readonly requests: { readonly line: string; readonly headers: IncomingMessage['headers'] }[] = [];
  /** One for each request, from the next one on; then all is well. */
  readonly faults: Fault[] = [];
  /** Answers GET /v1/items/feed. */
  feed: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => response.end();
  /** How many lines have been read in all requests. */
  linesRead = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async start(): Promise<ScriptedService> {
    const service = new ScriptedService();
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      const { socket } = request;
      this.#answer(request, response).catch(() => socket.destroy());
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many connections there are. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Cuts every connection. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    this.requests.push({ line: `${method} ${url}`, headers });
    const fault = this.faults.shift() ?? {};
    if (fault.hangs === true) return;
    if (fault.status !== undefined) {
      response.writeHead(fault.status, { 'content-type': 'application/problem+json', ...fault.headers });
      response.end(JSON.stringify({ code: `scripted-${fault.status}`, detail: 'as the script says' }));
      return;
    }
    const { pathname, searchParams } = new URL(url, 'http://service');
    const id = /^\/v1\/items\/([\d-]+)$/.exec(pathname)?.[1];
    if (pathname === '/v1/items/feed') this.feed(request, response);
    else if (pathname === '/v1/items/batch')
      await this.#lines(request, response, Number(searchParams.get('first') ?? 1), fault);
    else if (pathname === '/v1/items/lookup') await this.#lookup(request, response);
    else if (pathname === '/v1/stats') this.#send(response, 200, { saved: this.stored.size, duplicates: 0 });
    else if (method === 'POST' && pathname === '/v1/items') await this.#post(request, response);
    else if (method === 'GET' && pathname === '/v1/items') this.#list(response, searchParams);
    else if (id !== undefined) this.#byId(method, id, response);
    else this.#send(response, 404, { code: 'not-found' });
  }

  async #lines(request: IncomingMessage, response: ServerResponse, first: number, fault: Fault): Promise<void> {
    const lines = fault.keepsRequest === true ? await takenFrom(linesOf(request)) : linesOf(request);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    const { socket } = request;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const key = String(request.headers['idempotency-key']);
    const isMinimal = request.headers.prefer === 'return=minimal';
    let n = 0;
    for await (const line of lines) {
      this.linesRead++;
      if (fault.endAt === n) break;
      const isLost = fault.cutAt !== undefined && n >= fault.cutAt;
      const isFailing = fault.failAt === n;
      const result = isFailing
        ? { status: fault.lineStatus ?? 503, code: `scripted-${fault.lineStatus ?? 503}`, detail: 'as the script says' }
        : this.save(line, `${key} ${first + n}`);
      n++;
      if (isLost && n > (fault.cutAt ?? 0) + (fault.savesMore ?? 0)) {
        socket.destroy();
        return;
      }
      if (isLost) {
        // A client with a small window sends no further ones.
        setTimeout(() => socket.destroy(), 5);
        continue;
      }
      const { item, ...rest } = result as Result & { item?: { id: string } };
      const text = JSON.stringify(isMinimal && item !== undefined ? { ...rest, id: item.id } : result);
      if (!response.write(`${text}\n`)) await once(response, 'drain', { signal: gone.signal });
    }
    if (fault.cutAt !== undefined) socket.destroy();
    else response.end();
  }

  /** Judges a line as the service does. */
  save(line: string, token: string): Result {
    let content: unknown;
    try {
      ({ content } = JSON.parse(line) as { content: unknown });
    } catch {
      return { status: 400, code: 'malformed-json', detail: 'the line is not valid JSON' };
    }
    if (content === undefined) return { status: 422, code: 'validation-failed', detail: 'no content', errors: [] };
    const text = JSON.stringify(content);
    const known = this.stored.get(text);
    if (known?.token === token) return { status: 201, replayed: true, item: known.item };
    if (known !== undefined) return { status: 409, code: 'duplicate-item', item: known.item };
    const id = `1763712000000-${this.stored.size}-0`;
    const item = { id, content, source: 'anonymous', createdAt: '2025-11-21T08:00:00.000Z' };
    this.stored.set(text, { item, token });
    return { status: 201, item };
  }

  async #post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const result = this.save(await textOf(request), `${String(request.headers['idempotency-key'] ?? randomUUID())} 0`);
    const isDuplicate = result.status === 409;
    if (result['replayed'] === true) response.setHeader('idempotent-replayed', 'true');
    this.#send(response, isDuplicate ? 200 : result.status, result['item'] ?? result);
  }

  async #lookup(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const canonical = JSON.stringify((JSON.parse(await textOf(request)) as { content: unknown }).content);
    const item = this.stored.get(canonical)?.item;
    const facts = { kind: 'string', canonical, sha256: digest(canonical) };
    this.#send(response, item === undefined ? 404 : 200, {
      ...facts,
      ...(item ? { item } : { code: 'item-not-found' }),
    });
  }

  #list(response: ServerResponse, query: URLSearchParams): void {
    const all = [...this.stored.values()].map(({ item }) => item);
    const start = Number(query.get('cursor') ?? 0);
    const end = start + Number(query.get('limit') ?? 50);
    this.#send(response, 200, { items: all.slice(start, end), nextCursor: end < all.length ? `${end}` : null });
  }

  #byId(method: string, id: string, response: ServerResponse): void {
    const found = [...this.stored].find(([, { item }]) => item.id === id);
    if (found === undefined) return this.#send(response, 404, { code: 'item-not-found' });
    if (method !== 'DELETE') return this.#send(response, 200, found[1].item);
    this.stored.delete(found[0]);
    response.writeHead(204).end();
  }

  #send(response: ServerResponse, status: number, body: unknown): void {
    const text = JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': digest(text) }).end(text);
  }
}

async function* linesOf(request: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  request.setEncoding('utf8');
  for await (const chunk of request) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function takenFrom<T>(source: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const one of source) taken.push(one);
  return taken;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
