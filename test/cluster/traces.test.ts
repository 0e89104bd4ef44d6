// A trace through nginx: what a caller sends arrives at an instance, and what the instance answers at the caller.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../../stack/stack.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { caller, named, postTo } from '../support/tracing.ts';

let dir: string;
let stack: Stack;
let collector: OtlpReceiver;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-traces-'));
  collector = await OtlpReceiver.started();
  const env = { METRICS_PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  stack = await startStack({ dir, instances: 2, env });
});
afterAll(async () => {
  await stack?.stop();
  await collector[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const stream = (headers: Record<string, string>): Promise<Response> =>
  fetch(`${stack.url}/v1/items/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', ...headers },
    body: `${JSON.stringify({ content: randomUUID() })}\n`,
  });

// A stream takes another way through nginx: over HTTP/2 to a port of its own.
test.each([
  ['POST /v1/items', 5, 201, (headers: Record<string, string>) => postTo(stack.url, randomUUID(), headers)],
  ['POST /v1/items/batch', 1, 200, stream],
])('%s through nginx is a part of its caller’s trace, and the answer says which', async (name, count, status, send) => {
  const { traceId, spanId, headers } = caller();
  const answer = await send({ ...headers, tracestate: 'vendor=1' });
  await answer.text();
  expect(answer.status).toBe(status);
  const server = named(await collector.trace(traceId, count), name);
  expect(server).toMatchObject({ parentId: spanId, kind: 2, traceState: 'vendor=1' });
  expect(answer.headers.get('traceparent')).toBe(`00-${traceId}-${server.spanId}-01`);
});

test('a caller without a trace is told the one that was begun for it, and two callers get two', async () => {
  const ids = [];
  for (let i = 0; i < 2; i++) {
    const answer = await postTo(stack.url, randomUUID());
    const [, traceId = '', spanId] = answer.headers.get('traceparent')?.split('-') ?? [];
    const server = named(await collector.trace(traceId, 5), 'POST /v1/items');
    expect(server).toMatchObject({ spanId, parentId: '' });
    ids.push(traceId);
  }
  expect(new Set(ids).size).toBe(2);
});

test('what nginx answers by itself is in no trace, and does not say that it is', async () => {
  const { traceId, headers } = caller();
  const refused = await postTo(stack.url, 'x'.repeat(1_000_000), headers);
  expect(refused.status).toBe(413);
  expect(refused.headers.get('traceparent')).toBeNull();
  const after = caller();
  await postTo(stack.url, randomUUID(), after.headers);
  await collector.trace(after.traceId, 5);
  expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
});
