// One client: posts contents over connections that it keeps, and says what became of each.
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Outcome } from './attempt.ts';
import { bodyOf } from './content-form.ts';

export class ItemClient {
  readonly #agent: Agent;
  readonly #url: URL;
  #posts = 0;

  /** `url` is that of the service, `http://host:port`. */
  constructor(url: string, maxConnections: number) {
    this.#url = new URL('/v1/items', url);
    this.#agent = new Agent({ keepAlive: true, maxSockets: maxConnections, scheduling: 'lifo' });
  }

  /**
   * Posts a content. `done` is called exactly once; destroying the request that is returned, with the reason as an
   * error, makes its outcome unknown.
   */
  post(content: string, idempotencyKey: string | null, done: (outcome: Outcome) => void): ClientRequest {
    this.#posts++;
    const body = Buffer.from(bodyOf(content, this.#posts % 2 === 0));
    const { hostname, port, pathname: path } = this.#url;
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      ...(idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }),
    };
    let isDone = false;
    const end = (outcome: Outcome): void => {
      if (isDone) return;
      isDone = true;
      done(outcome);
    };
    const fail = (error: NodeJS.ErrnoException): void => end({ kind: 'unknown', why: error.code ?? error.message });
    const sent = request({ agent: this.#agent, host: hostname, port, path, method: 'POST', headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('end', () => end(read(answer, Buffer.concat(chunks).toString())));
      answer.once('error', fail);
    });
    sent.once('error', fail);
    // In case an answer is cut without either of them.
    sent.once('close', () => end({ kind: 'unknown', why: 'closed' }));
    sent.end(body);
    return sent;
  }

  /** Closes the connections. */
  close(): void {
    this.#agent.destroy();
  }
}

type Body = { readonly id?: unknown; readonly code?: unknown; readonly item?: { readonly id?: unknown } };

function read({ statusCode: status = 0, headers }: IncomingMessage, text: string): Outcome {
  // From a proxy that knows no more than we do.
  if (status === 502 || status === 504) return { kind: 'unknown', why: `${status}` };
  let body: Body;
  try {
    body = JSON.parse(text) as Body;
  } catch {
    return { kind: 'unknown', why: `${status} with a body that is not JSON` };
  }
  if (status === 201) {
    if (typeof body.id !== 'string') return { kind: 'unknown', why: '201 without an id' };
    return { kind: 'saved', id: body.id, replayed: headers['idempotent-replayed'] === 'true' };
  }
  if (status === 409 && body.code === 'duplicate-item') {
    if (typeof body.item?.id !== 'string') return { kind: 'unknown', why: '409 without the original' };
    return { kind: 'duplicate', id: body.item.id };
  }
  return { kind: 'refused', status, code: typeof body.code === 'string' ? body.code : 'without a code' };
}
