// The spans of a request and of its save. Loads OpenTelemetry, so it is loaded only where tracing is on.
import {
  type Attributes,
  type Context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { RequestFacts, RequestStart, RequestTrace, RequestTracer, TraceIds } from './tracing.ts';

/** Other methods are the clients' to invent over HTTP/2; OpenTelemetry has one name for all of them. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE']);
/** As many as a commit has contents; those who joined a save beyond it link to the commit, and it not to them. */
const MAX_LINKS = 500;
const WAIT_SPANS = {
  queue: 'save.queue',
  join: 'save.join',
  lock: 'save.lock_wait',
  retry: 'save.retry_wait',
} as const;

const propagator = new W3CTraceContextPropagator();

/** A span for each request, with spans for the stations of its save; what is not sampled gets its ids and nothing else. */
export class SpanTracer implements RequestTracer<RequestSpan> {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  begin({ method, route, scheme, httpVersion, requestId, headers }: RequestStart): RequestSpan {
    const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
    const isKnown = METHODS.has(method);
    const name = [isKnown ? method : 'HTTP', route].filter(Boolean).join(' ');
    const attributes: Attributes = {
      'http.request.method': isKnown ? method : '_OTHER',
      'url.scheme': scheme,
      'network.protocol.version': httpVersion,
      'item.request_id': requestId,
      ...(route !== undefined && { 'http.route': route }),
    };
    return new RequestSpan(this.#tracer, this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent));
  }

  /**
   * One span for each of the requests: that of the first stands for the round, has lock and store below it and links to
   * the other requests; theirs link to it. `contents` counts those that are not traced, too.
   */
  commit(requests: readonly RequestSpan[], contents: number): CommitSpan {
    return new CommitSpan(this.#tracer, requests, contents);
  }
}

/** One request. Its save is at one station at a time, and each station is a span below that of the request. */
export class RequestSpan implements RequestTrace {
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #context: Context;
  #station: Span | null = null;
  #isOver = false;

  constructor(tracer: Tracer, span: Span) {
    this.#tracer = tracer;
    this.#span = span;
    this.#context = trace.setSpan(ROOT_CONTEXT, span);
  }

  get span(): Span {
    return this.#span;
  }

  get ids(): TraceIds {
    const { traceId, spanId } = this.#span.spanContext();
    return { trace_id: traceId, span_id: spanId, trace_flags: isKept(this.#span) ? '01' : '00' };
  }

  get traceparent(): string {
    const { trace_id: traceId, span_id: spanId, trace_flags: flags } = this.ids;
    return `00-${traceId}-${spanId}-${flags}`;
  }

  get keptTraceId(): string | undefined {
    return isKept(this.#span) ? this.#span.spanContext().traceId : undefined;
  }

  wait(why: keyof typeof WAIT_SPANS, withSave?: RequestSpan): void {
    this.enter(WAIT_SPANS[why])?.addLinks(withSave === undefined ? [] : [{ context: withSave.span.spanContext() }]);
  }

  /** Leaves the station before, and returns the span of this one; null when the request is answered already. */
  enter(name: string, attributes?: Attributes): Span | null {
    this.#station?.end();
    this.#station = this.#isOver ? null : this.#tracer.startSpan(name, { attributes: attributes ?? {} }, this.#context);
    return this.#station;
  }

  saved(): void {
    this.#station?.end();
    this.#station = null;
  }

  end(status: number, facts: RequestFacts): void {
    if (this.#isOver) return;
    this.saved();
    this.#isOver = true;
    this.#span.setAttributes({ 'http.response.status_code': status, ...facts });
    // A client's mistake is no error of the server that it was sent to.
    if (status >= 500) {
      this.#span.setAttribute('error.type', String(status)).setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
  }
}

const isKept = (span: Span): boolean => (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;

type Result = { readonly kind: string; readonly failure?: string };

/** One round of the save path, as all requests see it that are traced and have a save in it. */
export class CommitSpan {
  readonly #tracer: Tracer;
  readonly #spans: readonly Span[];
  readonly #context: Context;
  readonly #store: Span;
  #lock: Span | null = null;

  constructor(tracer: Tracer, requests: readonly RequestSpan[], contents: number) {
    const attributes = { 'commit.contents': contents };
    this.#spans = requests.flatMap((request) => request.enter('save.commit', attributes) ?? []);
    const [first, ...others] = this.#spans;
    for (const span of others) if (first !== undefined) span.addLink({ context: first.spanContext() });
    first?.addLinks(requests.slice(1, MAX_LINKS + 1).map(({ span }) => ({ context: span.spanContext() })));
    this.#tracer = tracer;
    this.#context = first === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, first);
    this.#store = tracer.startSpan('commit.store', {}, this.#context);
  }

  get traceId(): string | undefined {
    return this.#spans[0]?.spanContext().traceId;
  }

  lockAsked(): void {
    this.#lock = this.#tracer.startSpan('commit.lock', {}, this.#context);
  }

  lockAnswered(isGranted: boolean): void {
    this.#lock?.setAttribute('lock.granted', isGranted).end();
  }

  ended({ kind, failure }: Result): void {
    for (const span of [...this.#spans, this.#store]) {
      // A request that is answered already, because its client has gone, has ended its spans.
      if (!span.isRecording()) continue;
      span.setAttribute('commit.result', kind);
      if (failure !== undefined) {
        span.setAttribute('error.type', failure).setStatus({ code: SpanStatusCode.ERROR });
      }
    }
    this.#store.end();
  }
}
