// Traces as a collector gets them from a running service, over a real Redis.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { contentKey } from '../../src/items/content.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ServiceProcess } from '../support/service-process.ts';
import { caller, named, postTo, sampleOf, settingsOf } from '../support/tracing.ts';

const SECRET = 'hunter2';

let redis: RedisServer;
let collector: OtlpReceiver;
let service: ServiceProcess;
let url: string;
const settings = (more: Record<string, string> = {}) => settingsOf(redis, collector, more);

beforeAll(async () => {
  redis = await RedisServer.started();
  collector = await OtlpReceiver.started();
  service = new ServiceProcess(
    settings({
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      // A commit waits for longer than a test pauses Redis on a busy machine: given up, it would be made again with others.
      ACK_TIMEOUT_MS: '20000',
      LOCK_TTL_MS: '40000',
      SAVE_DEADLINE_MS: '40000',
    }),
  );
  url = await service.ready();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});
beforeEach(() => {
  redis.resume();
});

const post = (content: unknown, headers: Record<string, string> = {}) => postTo(url, content, headers);

const lineOf = (traceId: string) =>
  service.until(() => service.lines.find((line) => line['trace_id'] === traceId), 'its line was not logged');

describe('a save', () => {
  test('goes on with the trace of its caller, from queue to commit, with lock and store in it', async () => {
    const { traceId, spanId, headers } = caller();
    const answer = await post('first', { ...headers, tracestate: 'vendor=1' });
    expect(answer.status).toBe(201);
    const spans = await collector.trace(traceId, 5);
    expect(spans).toHaveLength(5);
    const server = named(spans, 'POST /v1/items');
    const [queue, commit] = [named(spans, 'save.queue'), named(spans, 'save.commit')];
    const [lock, store] = [named(spans, 'commit.lock'), named(spans, 'commit.store')];
    expect(server).toMatchObject({ parentId: spanId, kind: 2, status: 0, links: [], traceState: 'vendor=1' });
    expect(queue).toMatchObject({ parentId: server.spanId, kind: 1 });
    expect(commit).toMatchObject({ parentId: server.spanId, kind: 1, links: [] });
    for (const span of [lock, store]) expect(span.parentId).toBe(commit.spanId);
    expect(answer.headers.get('traceparent')).toBe(`00-${traceId}-${server.spanId}-01`);
    expect(server.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/v1/items',
      'http.response.status_code': 201,
      'url.scheme': 'http',
      'network.protocol.version': '1.1',
      'item.outcome': 'saved',
      'item.request_id': answer.headers.get('x-request-id'),
    });
    expect(lock.attributes).toEqual({ 'lock.granted': true });
    expect(commit.attributes).toEqual({ 'commit.contents': 1, 'commit.result': 'confirmed' });
    expect(server.resource).toMatchObject({
      'service.name': 'item-integration',
      'service.version': expect.stringMatching(/^\d/) as string,
      'deployment.environment.name': 'test',
    });
    const ms = 1_000_000n;
    // A span begins at a whole millisecond and ends so much later as it took; between the two clocks that are read for that, a
    // busy machine may hold the process up, and then it ends too early by as much: 4 ms were seen.
    expect(queue.startNs >= server.startNs && queue.endNs <= commit.startNs + ms).toBe(true);
    expect(commit.endNs > commit.startNs && commit.endNs <= server.endNs + 50n * ms).toBe(true);
    expect([...collector.paths]).toEqual(['POST /v1/traces application/x-protobuf']);
  });

  test('has its trace in the log line, and a trace of its own without a caller', async () => {
    const answer = await post('without a caller');
    const [, traceId = '', spanId] = (answer.headers.get('traceparent') ?? '').split('-');
    expect(named(await collector.trace(traceId, 5), 'POST /v1/items')).toMatchObject({ spanId, parentId: '' });
    expect(await lineOf(traceId)).toMatchObject({ msg: 'request', span_id: spanId, trace_flags: '01', status: 201 });
  });

  test('that shares a commit is linked with the others in it, both ways', async () => {
    redis.pause();
    // One is in flight; those that come meanwhile leave with the next commit.
    const first = post(randomUUID());
    await service.until(async () => (await sampleOf(url, 'item_saves_pending')) === 1, 'the first save did not begin');
    const callers = [caller(), caller(), caller()];
    const others = callers.map(({ headers }) => post(randomUUID(), headers));
    await service.until(async () => (await sampleOf(url, 'item_saves_pending')) === 4, 'the others did not come');
    redis.resume();
    for (const answer of await Promise.all([first, ...others])) expect(answer.status).toBe(201);
    const traces = await collector.until((all) => {
      const found = callers.map(({ traceId }) => all.filter((span) => span.traceId === traceId));
      return found.flat().length === 3 * 3 + 2 && found;
    }, 'three traces with one commit did not come');
    const leading = traces.filter((spans) => spans.some(({ name }) => name === 'commit.store'));
    expect(leading).toHaveLength(1);
    const commit = named(leading[0] ?? [], 'save.commit');
    expect(commit.attributes['commit.contents']).toBe(3);
    const led = traces.filter((spans) => spans !== leading[0]);
    const requests = led.map((spans) => named(spans, 'POST /v1/items'));
    expect(new Set(commit.links.map(({ spanId }) => spanId))).toEqual(new Set(requests.map(({ spanId }) => spanId)));
    for (const spans of led) {
      expect(named(spans, 'save.commit').links).toEqual([{ traceId: commit.traceId, spanId: commit.spanId }]);
    }
  });

  test('that joins the save of another request is linked with that', async () => {
    redis.pause();
    const content = randomUUID();
    const [one, two] = [caller(), caller()];
    const first = post(content, one.headers);
    await service.until(async () => (await sampleOf(url, 'item_saves_pending')) === 1, 'the first save did not begin');
    const second = post(content, two.headers);
    await service.until(async () => (await sampleOf(url, 'item_saves_pending')) === 2, 'the second did not join');
    redis.resume();
    expect([(await first).status, (await second).status]).toEqual([201, 409]);
    const joined = await collector.trace(two.traceId, 2);
    const server = named(await collector.trace(one.traceId, 5), 'POST /v1/items');
    expect(named(joined, 'save.join').links).toEqual([{ traceId: one.traceId, spanId: server.spanId }]);
    expect(named(joined, 'POST /v1/items').attributes).toMatchObject({ 'item.outcome': 'duplicate' });
  });

  test('that fails is an error, and says in which round', async () => {
    const fragile = await RedisServer.started();
    await using own = new ServiceProcess(
      settings({ REDIS_URL: fragile.url, ACK_TIMEOUT_MS: '100', SAVE_DEADLINE_MS: '4000', LOCK_WAIT_MS: '100' }),
    );
    const at = await own.ready();
    await fragile[Symbol.asyncDispose]();
    const { traceId, headers } = caller();
    expect((await postTo(at, 'lost', headers)).status).toBe(503);
    const spans = await collector.until((all) => {
      const found = all.filter((span) => span.traceId === traceId);
      return found.some(({ name }) => name === 'POST /v1/items') && found;
    }, 'the failed request did not come');
    expect(named(spans, 'POST /v1/items')).toMatchObject({ status: 2, attributes: { 'error.type': '503' } });
    expect(spans.map(({ name }) => name)).toContain('save.retry_wait');
    const commits = spans.filter(({ name }) => name === 'save.commit');
    expect(commits.length).toBeGreaterThan(1);
    for (const commit of commits) {
      expect(commit).toMatchObject({ status: 2, attributes: { 'commit.result': 'unknown' } });
    }
  });
});

const batch = (body: string, type: string, headers: Record<string, string>) =>
  fetch(`${url}/v1/items/batch`, { method: 'POST', headers: { 'content-type': type, ...headers }, body });
const line = (content: string) => JSON.stringify({ content });

describe('one span for', () => {
  test.each([
    ['a batch', (texts: string[]) => `{"items":[${texts.map(line).join()}]}`, 'application/json', 'batch'],
    ['a stream', (texts: string[]) => texts.map(line).join('\n'), 'application/x-ndjson', 'stream'],
  ])('%s, with its counts', async (_name, bodyOf, type, mode) => {
    const { traceId, headers } = caller();
    const [a, b] = [randomUUID(), randomUUID()];
    const answer = await batch(bodyOf([a, b, a]), type, headers);
    await answer.text();
    expect(answer.headers.get('traceparent')).toContain(traceId);
    await lineOf(traceId);
    // What comes later is sent later, so this one would have come by then.
    const after = caller();
    await post(randomUUID(), after.headers);
    await collector.trace(after.traceId, 5);
    const spans = await collector.trace(traceId, 1);
    expect(spans).toHaveLength(1);
    expect(spans[0]).toMatchObject({
      name: 'POST /v1/items/batch',
      attributes: { 'item.mode': mode, 'item.saved': 2, 'item.duplicates': 1, 'item.failed': 0 },
    });
  });

  test.each([
    ['GET', '/v1/items/1-0-0', 'GET /v1/items/:id', 404],
    ['GET', `/${SECRET}?${SECRET}`, 'GET', 404],
    ['PUT', '/v1/items', 'PUT /v1/items', 405],
  ])('%s %s', async (method, path, name, status) => {
    const { traceId, headers } = caller();
    const answer = await fetch(`${url}${path}`, { method, headers });
    expect(answer.status).toBe(status);
    const [span] = await collector.trace(traceId, 1);
    expect(span).toMatchObject({ name, status: 0, attributes: { 'http.response.status_code': status } });
  });
});

test('nothing that a client posted, no digest, no key and no address is in a trace', async () => {
  const { traceId, headers } = caller();
  const idempotent = { ...headers, 'idempotency-key': SECRET, authorization: `Bearer ${SECRET}`, 'user-agent': SECRET };
  await post(SECRET, idempotent);
  await post(SECRET, idempotent);
  await collector.trace(traceId, 8);
  const sent = Buffer.concat(collector.bodies);
  expect(sent.includes('POST /v1/items')).toBe(true);
  expect(sent.includes(SECRET)).toBe(false);
  const { hex } = contentKey({ kind: 'string', text: SECRET });
  expect(sent.includes(hex) || sent.includes(Buffer.from(hex, 'hex'))).toBe(false);
});

describe('of requests that are not sampled there is no span, but their lines have the trace', () => {
  test('because the caller says so', async () => {
    const { traceId, headers } = caller('00');
    const answer = await post(randomUUID(), headers);
    expect(answer.headers.get('traceparent')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    expect(await lineOf(traceId)).toMatchObject({ trace_flags: '00' });
    const after = caller();
    await post(randomUUID(), after.headers);
    await collector.trace(after.traceId, 5);
    expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  });
});

const scrape = async (accept: string) => {
  const answer = await fetch(`${url}/metrics`, { headers: { accept } });
  return { type: answer.headers.get('content-type'), text: await answer.text() };
};

test('a scrape as OpenMetrics shows the trace of a request that was counted, one as text does not', async () => {
  const { traceId, headers } = caller();
  await post(randomUUID(), headers);
  const open = await scrape('application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
  expect(open.type).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
  for (const name of ['http_request_duration', 'item_save_duration', 'commit_duration']) {
    const start = `${name}_seconds_bucket`;
    const series = open.text.split('\n').find((text) => text.startsWith(start) && text.includes(traceId));
    expect(series).toMatch(/ # \{trace_id="[0-9a-f]{32}"\} \d/);
  }
  expect(open.text).toMatch(/^# TYPE item_saves counter$/m);
  expect(open.text).toMatch(/^item_saves_total\{/m);
  expect(open.text.endsWith('\n# EOF\n')).toBe(true);
  const plain = await scrape('*/*');
  expect(plain.type).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(plain.text).toMatch(/^# TYPE item_saves_total counter$/m);
  expect(plain.text).toMatch(/^item_saves_total\{/m);
  expect(plain.text).not.toMatch(/trace_id=|# EOF/);
});
