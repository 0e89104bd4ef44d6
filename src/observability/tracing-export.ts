// Samples spans and sends them to a collector with OTLP, within bounds. Loads OpenTelemetry, as tracing-spans.ts does.
import { setTimeout } from 'node:timers/promises';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { SpanTracer } from './tracing-spans.ts';

export type TracingSettings = {
  /** Of the collector; the path of traces is put behind it. */
  readonly endpoint: string;
  /** One of those that OTEL_TRACES_SAMPLER may name. */
  readonly sampler: string;
  /** For the samplers that take a part: which one, from 0 to 1. */
  readonly ratio: number;
  readonly serviceName: string;
  readonly version: string;
};

export type TracingObserver = {
  /** Spans that the collector has taken. */
  sent(spans: number): void;
  /** Spans that nobody will see: there were too many, or the collector did not take them. */
  lost(spans: number): void;
  failing(reason: string): void;
  recovered(): void;
};

export type OpenTracing = {
  readonly tracer: SpanTracer;
  /** Sends what is left, for so long at most. Never fails. */
  close(limitMs: number): Promise<void>;
};

/** Spans that may wait to be sent; one more is lost. A request whose save takes one round has four or five. */
const MAX_WAITING_SPANS = 8_192;
const BATCH_SPANS = 1_024;
const SEND_EVERY_MS = 1_000;
/** With all its tries. Until then the spans of one batch are kept beside those that wait. */
const SEND_TIMEOUT_MS = 5_000;

/** Opens nothing yet: the collector is called when there is something to send. */
export function openTracing(settings: TracingSettings, observer: TracingObserver): OpenTracing {
  const exporter = new OTLPTraceExporter({
    url: `${settings.endpoint.replace(/\/+$/, '')}/v1/traces`,
    timeoutMillis: SEND_TIMEOUT_MS,
  });
  const spans = new BoundedSpans(exporter, observer);
  const provider = new TracerProvider({
    sampler: samplerOf(settings),
    // What OTEL_RESOURCE_ATTRIBUTES says of this process is added to what it knows by itself.
    resource: detectResources({ detectors: [envDetector] }).merge(
      resourceFromAttributes({ 'service.name': settings.serviceName, 'service.version': settings.version }),
    ),
    spanLimits: { linkCountLimit: 512 },
    spanProcessors: [spans],
  });
  return {
    tracer: new SpanTracer(provider.getTracer('item-integration', settings.version)),
    async close(limitMs) {
      const limit = new AbortController();
      const late = setTimeout(limitMs, undefined, { signal: limit.signal }).catch(() => {});
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      limit.abort();
    },
  };
}

function samplerOf({ sampler, ratio }: TracingSettings): Sampler {
  const name = sampler.replace(/^parentbased_/, '');
  const root = rootSampler(name, ratio);
  return name === sampler ? root : new ParentBasedSampler({ root });
}

function rootSampler(name: string, ratio: number): Sampler {
  if (name === 'always_off') return new AlwaysOffSampler();
  return name === 'traceidratio' ? new TraceIdRatioBasedSampler(ratio) : new AlwaysOnSampler();
}

/** OpenTelemetry's own queue, which drops what is too much, with what it keeps to itself: how much that was. */
class BoundedSpans implements SpanProcessor {
  readonly #exporter: SpanExporter;
  readonly #observer: TracingObserver;
  readonly #queue: BatchSpanProcessor;
  #waiting = 0;
  #isFailing = false;

  constructor(exporter: SpanExporter, observer: TracingObserver) {
    this.#exporter = exporter;
    this.#observer = observer;
    this.#queue = new BatchSpanProcessor({
      exporter: {
        export: (spans, done) => this.#export(spans, done),
        shutdown: () => exporter.shutdown(),
      },
      maxQueueSize: MAX_WAITING_SPANS,
      maxExportBatchSize: BATCH_SPANS,
      scheduledDelayMillis: SEND_EVERY_MS,
      exportTimeoutMillis: 2 * SEND_TIMEOUT_MS,
    });
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#waiting >= MAX_WAITING_SPANS) {
      this.#observer.lost(1);
      return;
    }
    this.#waiting++;
    this.#queue.onEnd(span);
  }

  #export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#waiting -= spans.length;
    this.#exporter.export(spans, (result) => {
      this.#told(spans.length, result);
      // A failure is told once, here. Told to the queue, it would go to a handler of the whole process.
      done({ code: ExportResultCode.SUCCESS });
    });
  }

  #told(spans: number, { code, error }: ExportResult): void {
    const isFailing = code !== ExportResultCode.SUCCESS;
    if (isFailing) this.#observer.lost(spans);
    else this.#observer.sent(spans);
    if (isFailing && !this.#isFailing) this.#observer.failing(reasonOf(error));
    if (!isFailing && this.#isFailing) this.#observer.recovered();
    this.#isFailing = isFailing;
  }

  forceFlush(): Promise<void> {
    return this.#queue.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#queue.shutdown();
  }
}

/** What the network or the collector says, and nothing of its answer. */
function reasonOf(error: (Error & { readonly code?: unknown }) | undefined): string {
  const code = error?.code;
  return typeof code === 'string' || typeof code === 'number' ? String(code) : (error?.message ?? 'unknown');
}
