// When traces are made and sent, and what becomes of a process whose collector is slow, broken or not there.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ServiceProcess } from '../support/service-process.ts';
import { caller, postTo, sampleOf, settingsOf } from '../support/tracing.ts';

const SECRET = 'hunter2';

let redis: RedisServer;
let collector: OtlpReceiver;
const settings = (more: Record<string, string> = {}) => settingsOf(redis, collector, more);

beforeAll(async () => {
  redis = await RedisServer.started();
  collector = await OtlpReceiver.started();
});
afterAll(async () => {
  await collector[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

describe('whether a request is traced is decided', () => {
  test.each([
    ['parentbased_traceidratio', '0', '01', 5],
    ['traceidratio', '0', '01', 0],
    ['always_off', undefined, '01', 0],
    ['parentbased_always_off', undefined, '01', 5],
    ['always_on', undefined, '00', 5],
  ])('by the sampler %s %s when the caller says %s', async (sampler, ratio, flags, spans) => {
    const env = { OTEL_TRACES_SAMPLER: sampler, ...(ratio !== undefined && { OTEL_TRACES_SAMPLER_ARG: ratio }) };
    await using own = new ServiceProcess(settings({ ...env, SHUTDOWN_GRACE_MS: '4000' }));
    const at = await own.ready();
    const { traceId, headers } = caller(flags);
    expect((await postTo(at, randomUUID(), headers)).status).toBe(201);
    own.kill('SIGTERM');
    expect(await own.ended()).toEqual({ code: 0, signal: null });
    expect(collector.spans.filter((span) => span.traceId === traceId)).toHaveLength(spans);
  });
});

describe('the collector', () => {
  test('gets the last spans before the process ends', async () => {
    await using own = new ServiceProcess(settings({ SHUTDOWN_GRACE_MS: '4000' }));
    const at = await own.ready();
    const { traceId, headers } = caller();
    await postTo(at, randomUUID(), headers);
    own.kill('SIGTERM');
    expect(await own.ended()).toEqual({ code: 0, signal: null });
    expect(collector.spans.filter((span) => span.traceId === traceId)).toHaveLength(5);
  });

  test.each<[string, () => Promise<AsyncDisposable & { readonly url: string }>]>([
    [
      'is not there',
      async () => {
        const gone = await OtlpReceiver.started();
        await gone[Symbol.asyncDispose]();
        return { url: gone.url, [Symbol.asyncDispose]: async () => {} };
      },
    ],
    [
      'takes connections and never answers',
      async () => {
        const silent = createServer(() => {}).listen(0, '127.0.0.1');
        await once(silent, 'listening');
        return {
          url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
          [Symbol.asyncDispose]: async () => void silent.close(),
        };
      },
    ],
  ])('that %s costs clients nothing, and the shutdown a second', async (_name, start) => {
    await using broken = await start();
    await using own = new ServiceProcess(
      settings({ OTEL_EXPORTER_OTLP_ENDPOINT: broken.url, SHUTDOWN_GRACE_MS: '12000' }),
    );
    const at = await own.ready();
    for (let i = 0; i < 50; i++) expect((await postTo(at, randomUUID())).status).toBe(201);
    await own.until(() => own.lines.some(({ msg }) => msg.startsWith('traces cannot be sent')), 'it was not logged');
    expect(await sampleOf(at, 'trace_spans_total{outcome="lost"}')).toBeGreaterThan(0);
    expect(own.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
    await postTo(at, randomUUID());
    const stoppedMs = performance.now();
    own.kill('SIGTERM');
    expect(await own.ended()).toEqual({ code: 0, signal: null });
    // Two seconds it goes on listening. With all its tries, sending would take five.
    expect(performance.now() - stoppedMs).toBeLessThan(6_000);
    expect(own.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });

  test('that comes back gets what is traced from then on', async () => {
    await using own = await OtlpReceiver.started();
    await using process = new ServiceProcess(settings({ OTEL_EXPORTER_OTLP_ENDPOINT: own.url }));
    const at = await process.ready();
    own.onRequest = (response) => void response.writeHead(400).end(SECRET);
    await postTo(at, 'refused');
    await process.until(() => process.lines.some(({ reason }) => reason === '400'), 'the refusal was not logged');
    own.onRequest = null;
    const { traceId, headers } = caller();
    await postTo(at, 'taken', headers);
    await own.trace(traceId, 5);
    await process.until(() => process.lines.some(({ msg }) => msg === 'traces are sent again'), 'it was not logged');
    expect(process.stdout).not.toContain(SECRET);
  });
});

describe('OpenTelemetry', () => {
  // Tells of every module that is loaded, by import or require. But for the API: prom-client loads that, tracing or not.
  const preload = `
    import { registerHooks } from 'node:module';
    registerHooks({
      load(url, context, next) {
        if (/@opentelemetry.(?!api)|tracing-(spans|export)/.test(url)) process.stderr.write(url + '\\n');
        return next(url, context);
      },
    });`;

  test.each([
    ['is not loaded without a collector', '', false],
    ['is loaded with one', 'http://127.0.0.1:9', true],
  ])('%s', async (_name, endpoint, isLoaded) => {
    await using own = new ServiceProcess(settings({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }), preload);
    const at = await own.ready();
    const answer = await postTo(at, randomUUID(), caller().headers);
    expect(answer.status).toBe(201);
    expect(answer.headers.has('traceparent')).toBe(isLoaded);
    const { traceId, headers } = caller();
    await fetch(`${at}/v1/items/1-0-0`, { headers });
    await own.until(() => own.lines.some(({ status }) => status === 404), 'the request was not logged');
    expect(own.stdout.includes(traceId)).toBe(isLoaded);
    expect((await sampleOf(at, 'trace_spans_total{outcome="lost"}')) >= 0).toBe(isLoaded);
    expect(/node_modules\/@opentelemetry\/sdk-trace/.test(own.stderr)).toBe(isLoaded);
    expect(own.stderr === '').toBe(!isLoaded);
  });
});
