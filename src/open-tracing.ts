// Opens tracing where the settings name a collector; OpenTelemetry is loaded only then.
import { Counter } from 'prom-client';
import type { Config } from './config.ts';
import type { Logger } from './observability/logger.ts';
import type { Metrics } from './observability/metrics.ts';
import type { OpenTracing } from './observability/tracing-export.ts';

/** Tracing, or null where it is off. Without a collector that answers, spans are lost and counted, and nothing else changes. */
export async function openTracing(
  config: Config,
  version: string,
  metrics: Metrics,
  logger: Logger,
): Promise<OpenTracing | null> {
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return null;
  const { openTracing: open } = await import('./observability/tracing-export.ts');
  const spans = new Counter({
    name: 'trace_spans_total',
    help: 'Spans of sampled requests: sent to the collector, or lost because it did not take them or they were too many.',
    labelNames: ['outcome'] as const,
    registers: [metrics.registry],
  });
  for (const outcome of ['sent', 'lost']) spans.inc({ outcome }, 0);
  return open(
    {
      endpoint,
      sampler: config.OTEL_TRACES_SAMPLER,
      ratio: config.OTEL_TRACES_SAMPLER_ARG,
      serviceName: config.OTEL_SERVICE_NAME,
      version,
    },
    {
      sent: (count) => spans.inc({ outcome: 'sent' }, count),
      lost: (count) => spans.inc({ outcome: 'lost' }, count),
      failing: (reason) => logger.warn({ reason }, 'traces cannot be sent; requests go on without'),
      recovered: () => logger.info('traces are sent again'),
    },
  );
}
