// A collector of traces: takes what an OTLP exporter sends over HTTP (opentelemetry-proto, trace/v1) and keeps the spans.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { waitFor } from '../../stack/wait.ts';
import { hexOf, type Message, messagesOf, numberOf, readMessage, textOf } from './protobuf.ts';

type Value = string | number | boolean | null;

export type ReceivedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  /** 1 internal, 2 server. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 0 unset, 2 error. */
  readonly status: number;
  readonly traceState: string;
  readonly resource: Readonly<Record<string, Value>>;
};

export class OtlpReceiver implements AsyncDisposable {
  readonly url: string;
  readonly spans: ReceivedSpan[] = [];
  /** Everything that was sent, as it came. */
  readonly bodies: Buffer[] = [];
  readonly paths = new Set<string>();
  /** What it does with a request in place of taking it. */
  onRequest: ((response: ServerResponse) => void) | null = null;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => void this.#take(request, response));
  }

  static async started(): Promise<OtlpReceiver> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new OtlpReceiver(server);
  }

  /** The spans of a trace, once they are as many. */
  trace(traceId: string, spans: number): Promise<ReceivedSpan[]> {
    return this.until((all) => {
      const found = all.filter((span) => span.traceId === traceId);
      return found.length >= spans && found;
    }, `trace ${traceId} did not have ${spans} spans`);
  }

  /** Waits for something about the spans that have come. */
  until<T>(
    condition: (spans: readonly ReceivedSpan[]) => T,
    what: string,
  ): Promise<Exclude<T, false | null | undefined>> {
    return waitFor(() => condition(this.spans), { timeoutMs: 20_000, everyMs: 20, what });
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    this.paths.add(`${request.method} ${request.url} ${request.headers['content-type']}`);
    if (this.onRequest !== null) {
      this.onRequest(response);
      return;
    }
    this.bodies.push(body);
    for (const ofResource of messagesOf(readMessage(body), 1)) {
      const resource = attributesOf(messagesOf(ofResource, 1)[0] ?? new Map(), 1);
      for (const scope of messagesOf(ofResource, 2)) {
        for (const span of messagesOf(scope, 2)) this.spans.push(spanOf(span, resource));
      }
    }
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function spanOf(span: Message, resource: ReceivedSpan['resource']): ReceivedSpan {
  return {
    traceId: hexOf(span, 1),
    spanId: hexOf(span, 2),
    traceState: textOf(span, 3),
    parentId: hexOf(span, 4),
    name: textOf(span, 5),
    kind: Number(numberOf(span, 6)),
    startNs: numberOf(span, 7),
    endNs: numberOf(span, 8),
    attributes: attributesOf(span, 9),
    links: messagesOf(span, 13).map((link) => ({ traceId: hexOf(link, 1), spanId: hexOf(link, 2) })),
    status: Number(numberOf(messagesOf(span, 15)[0] ?? new Map(), 3)),
    resource,
  };
}

function attributesOf(message: Message, field: number): Record<string, Value> {
  return Object.fromEntries(
    messagesOf(message, field).map((pair) => [textOf(pair, 1), valueOf(messagesOf(pair, 2)[0] ?? new Map())]),
  );
}

function valueOf(value: Message): Value {
  if (value.has(1)) return textOf(value, 1);
  if (value.has(2)) return numberOf(value, 2) === 1n;
  return value.has(3) ? Number(numberOf(value, 3)) : null;
}
