// Histograms that keep, for each bucket, the trace of a request that was counted in it.
import { Histogram, type HistogramConfiguration, type LabelValues, Registry } from 'prom-client';

/** A histogram whose `observe` takes the trace along. */
export type TracedHistogram<T extends string> = Omit<Histogram<T>, 'observe'> & {
  observe(labels: LabelValues<T>, value: number, traceId?: string): void;
};

/** Creates one. Without exemplars it is a plain histogram, which takes no notice of a trace. */
export function createTracedHistogram<T extends string>(
  configuration: HistogramConfiguration<T>,
  hasExemplars: boolean,
): TracedHistogram<T> {
  if (!hasExemplars) return new Histogram(configuration);
  const histogram = new Histogram({ ...configuration, enableExemplars: true });
  const observe = histogram.observe.bind(histogram);
  return Object.assign(histogram, {
    observe: (labels: LabelValues<T>, value: number, traceId?: string) =>
      // Of one without a trace the exemplar before it stays.
      observe({ labels, value, exemplarLabels: traceId === undefined ? {} : { trace_id: traceId } } as never),
  });
}

/** A registry of its own; prom-client lets histograms have exemplars only in one that writes OpenMetrics. */
export function createRegistry(hasExemplars: boolean): Registry {
  const registry = new Registry();
  if (hasExemplars) registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  return registry;
}

const TOTAL = /_total$/;

/**
 * What is scraped of a registry that has exemplars, as OpenMetrics, which alone can show them, or as the usual text.
 * prom-client takes `_total` off the names of the counters themselves when it writes OpenMetrics, and a text after it
 * would lack it; so it is given copies.
 */
export async function scrape(
  registry: Registry,
  isOpenMetrics: boolean,
): Promise<{ readonly type: string; readonly text: string }> {
  const copies = createRegistry(isOpenMetrics);
  for (const metric of await registry.getMetricsAsJSON()) {
    const isRenamed = isOpenMetrics && (metric.type as unknown) === 'counter';
    const copy = isRenamed ? { ...metric, name: metric.name.replace(TOTAL, '') } : metric;
    copies.registerMetric({ ...copy, get: async () => copy } as never);
  }
  return { type: copies.contentType, text: await copies.metrics() };
}
