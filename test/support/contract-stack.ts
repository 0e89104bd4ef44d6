// A local stack for contract tests, and a client of it that shows an answer as it comes over the wire.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { type Stack, startStack } from '../../stack/stack.ts';

export type Headers = Readonly<Record<string, string>>;
export type Answer = {
  readonly statusCode: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};
export type Result = { readonly status: number; readonly code?: string };

export const JSON_BODY = { 'content-type': 'application/json' };

export class ContractStack implements AsyncDisposable {
  readonly stack: Stack;
  readonly #dir: string;

  private constructor(stack: Stack, dir: string) {
    this.stack = stack;
    this.#dir = dir;
  }

  static async start(): Promise<ContractStack> {
    const dir = await mkdtemp(join(tmpdir(), 'items-contract-'));
    return new ContractStack(await startStack({ dir, instances: 2 }), dir);
  }

  /** Unlike fetch it neither asks for compression nor hides it. A body of pieces is sent without its length. */
  async ask(method: string, path: string, headers: Headers = {}, body?: string | string[]): Promise<Answer> {
    const outgoing = request(`${this.stack.url}${path}`, { method, headers, agent: false });
    // nginx may answer and hang up before it has all of a body that is too large.
    outgoing.on('error', () => {});
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    for (const piece of Array.isArray(body) ? body : []) outgoing.write(piece);
    outgoing.end(Array.isArray(body) ? undefined : body);
    const [incoming] = await answered;
    const bytes = await buffer(incoming);
    const plain = incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
    return { statusCode: incoming.statusCode ?? 0, headers: incoming.headers, body: plain.toString() };
  }

  save(content: unknown, headers: Headers = {}): Promise<Answer> {
    return this.ask('POST', '/v1/items', { ...JSON_BODY, ...headers }, JSON.stringify({ content }));
  }

  batch(contents: readonly unknown[], headers: Headers = {}): Promise<Answer> {
    const body = JSON.stringify({ items: contents.map((content) => ({ content })) });
    return this.ask('POST', '/v1/items/batch', { ...JSON_BODY, ...headers }, body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** The JSON of an answer; as any value, because what is expected of it is for the test to say. */
export const bodyOf = ({ body }: Answer): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>;
