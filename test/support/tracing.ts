// What tests of traces have in common: a caller with a trace of its own, and a span by its name.
import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { OtlpReceiver, ReceivedSpan } from './otlp-receiver.ts';
import type { RedisServer } from './redis-server.ts';

/** Of a service that sends its traces to this collector, and shares its Redis and no key in it with others. */
export const settingsOf = (redis: RedisServer, collector: OtlpReceiver, more: Record<string, string>) => ({
  REDIS_URL: redis.url,
  REDIS_KEY_PREFIX: `${randomUUID()}:`,
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  ...more,
});

/** The context of a caller, sampled unless told otherwise. */
export function caller(flags = '01') {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}` } };
}

/** The one span with this name. */
export function named(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name);
  expect(found, `${name} among ${spans.map((span) => span.name).join(', ')}`).toHaveLength(1);
  return found[0] as ReceivedSpan;
}

/** Posts a content to a service. */
export const postTo = (url: string, content: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/v1/items`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ content }),
  });

/** The value of a series of a service, as /metrics has it. */
export async function sampleOf(url: string, series: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length),
  );
}
