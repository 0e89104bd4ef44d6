// Metrics: every series is there at 0 from the start, and no request can make new ones.
import { afterAll, describe, expect, test } from 'vitest';
import { ServiceFailure } from '../../src/items/errors.ts';
import { createMetrics, type MetricLabels } from '../../src/observability/metrics.ts';
import { LOCK_OUTCOMES } from '../../src/redis/content-locks.ts';
import { UNCONFIRMED_REASONS } from '../../src/redis/faults.ts';
import { CONNECTIONS } from '../../src/redis/store.ts';
import { readSeries as read } from '../support/metrics-text.ts';
import { createTestApp } from '../support/test-app.ts';

const LABELS: MetricLabels = {
  connections: CONNECTIONS,
  unconfirmedReasons: UNCONFIRMED_REASONS,
  lockOutcomes: LOCK_OUTCOMES,
  buildInfo: { version: '1.2.3', node: 'v24.0.0' },
  pendingSaves: () => 3,
};

const requests = (method: string, route: string, status: number): string =>
  `http_request_duration_seconds_count{method="${method}",route="${route}",status_code="${status}"}`;

/** How often a request was measured, for every series of requests. */
const countsIn = (series: Map<string, number>) =>
  [...series].filter(([name]) => name.startsWith('http_request_duration_seconds_count'));

/** How many posted contents were counted, whatever became of them. */
const savesIn = (series: Map<string, number>) =>
  [...series].reduce((sum, [name, value]) => (name.startsWith('item_saves_total') ? sum + value : sum), 0);

const OUTCOMES = ['saved', 'replayed', 'duplicate', 'in_progress', 'invalid', 'rejected', 'failed'];
const MODES = ['single', 'batch', 'stream'];

describe('from the start', async () => {
  const text = await createMetrics(LABELS).registry.metrics();
  const series = read(text);

  test.each([
    ...OUTCOMES.flatMap((outcome) => MODES.map((mode) => `item_saves_total{outcome="${outcome}",mode="${mode}"}`)),
    ...OUTCOMES.map((outcome) => `item_save_duration_seconds_count{outcome="${outcome}"}`),
    'item_saves_joined_total',
    'commit_batch_size_count',
    'commit_duration_seconds_count',
    'replication_ack_seconds_count',
    ...['short_wait', 'no_view', 'connection', 'timeout', 'noscript', 'readonly', 'oom', 'other'].map(
      (reason) => `replication_ack_failures_total{reason="${reason}"}`,
    ),
    ...['acquired', 'contended', 'unavailable'].map(
      (outcome) => `content_lock_acquire_seconds_count{outcome="${outcome}"}`,
    ),
    'content_lock_lost_total',
    ...CONNECTIONS.flatMap((name) => [
      `redis_connection_up{connection="${name}"}`,
      `redis_reconnects_total{connection="${name}"}`,
    ]),
    'redis_master_changes_total',
  ])('%s is 0', (name) => {
    expect(series.get(name)).toBe(0);
  });

  test('gauges have their value', () => {
    expect(series.get('item_saves_pending')).toBe(3);
    expect(series.get('build_info{version="1.2.3",node="v24.0.0"}')).toBe(1);
  });

  test('process metrics are there', () => {
    const names = ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds'];
    expect([...series.keys()]).toEqual(expect.arrayContaining(names));
  });

  test('the names are those of their types: counters, and nothing else, end with _total', () => {
    const types = [...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name = '', type]) => ({ name, type }));
    expect(types.length).toBeGreaterThan(30);
    expect(types.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter'))).toEqual([]);
  });

  test('every metric says what it is, and times are in seconds', () => {
    expect(text).not.toMatch(/^# HELP \S+\s*$/m);
    expect(text).not.toMatch(/^# TYPE \S*(_ms|_millis)/m);
  });
});

test('two registries do not share anything', async () => {
  const [a, b] = [createMetrics(LABELS), createMetrics(LABELS)];
  a.itemSavesJoined.inc();
  expect(read(await b.registry.metrics()).get('item_saves_joined_total')).toBe(0);
});

describe('requests', async () => {
  const service = await createTestApp();
  afterAll(() => service.app.close());
  const series = async () => read(await service.metrics.registry.metrics());
  const get = (url: string) => () => service.get(url);
  const put = (url: string) => () => service.app.inject({ method: 'PUT', url });
  /** By how much a series grew while something was done. */
  const growth = async (name: string, work: () => Promise<unknown>) => {
    const before = (await series()).get(name);
    await work();
    return ((await series()).get(name) ?? Number.NaN) - (before ?? Number.NaN);
  };

  test('are measured by method, route pattern and status', async () => {
    expect(await growth(requests('GET', '/v1/items/:id', 404), get('/v1/items/1-0-0'))).toBe(1);
    expect(await growth(requests('GET', '/v1/items', 200), get('/v1/items?limit=1'))).toBe(1);
    expect(await growth(requests('POST', '/v1/items', 201), () => service.save('measured'))).toBe(1);
    expect(await growth(requests('POST', '/v1/items', 409), () => service.save('measured'))).toBe(1);
    expect(await growth(requests('other', 'unknown', 404), get('/nothing/here'))).toBe(1);
    expect(await growth(requests('other', 'unknown', 400), get('/%zz'))).toBe(1);
    expect(await growth(requests('other', '/v1/items/:id', 405), put('/v1/items/1'))).toBe(1);
  });

  test.each([
    ['saved', () => service.save('counted')],
    ['duplicate', () => service.save('counted')],
    ['invalid', () => service.save('')],
    ['invalid', () => service.post('{"content":')],
    ['invalid', () => service.post('x', { 'content-type': 'text/plain' })],
    ['invalid', () => service.save('counted', { 'idempotency-key': '' })],
  ])('that are %s are counted as such, once', async (outcome, work) => {
    const before = savesIn(await series());
    expect(await growth(`item_saves_total{outcome="${outcome}",mode="single"}`, work)).toBe(1);
    expect(savesIn(await series())).toBe(before + 1);
  });

  test('probes and scrapes are not measured', async () => {
    const first = countsIn(await series());
    for (const url of ['/livez', '/readyz', '/metrics', '/livez?x=1']) await service.get(url);
    expect(countsIn(await series())).toEqual(first);
  });

  test('of every kind, however hostile, make no series that was not there from the start', async () => {
    await using fresh = await createTestApp();
    const keys = async () =>
      [...read(await fresh.metrics.registry.metrics()).keys()]
        .filter((name) => !/^(nodejs|process)_/.test(name))
        .toSorted();
    const start = await keys();
    const urls = [
      '/v1/items',
      '/v1/items/1-0-0',
      '/v1/items/x?y',
      '/problems/overloaded',
      '/problems/x',
      '/livez',
      '/readyz',
      '/metrics',
      '/',
      '/%zz',
      '/wp-login.php',
      '//',
      '/__proto__',
      '/v1/items/__proto__',
      '/v1/items?limit=0',
    ];
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE'] as const;
    for (const url of urls) for (const method of methods) await fresh.app.inject({ method: method as 'GET', url });
    for (const body of ['{"content":"a"}', '{"content":"a"}', '{}', '{', '', ' '.repeat(500_000)])
      await fresh.post(body);
    await fresh.post('x', { 'content-type': 'x/y' });
    for (const error of [
      new Error('bug'),
      new ServiceFailure('overloaded', ''),
      new ServiceFailure('storage-full', ''),
    ]) {
      fresh.items.onSave = () => Promise.reject(error);
      await fresh.save('b');
    }
    fresh.items.onRead = () => Promise.reject(new ServiceFailure('store-unavailable', ''));
    for (const url of urls) await fresh.get(url);
    fresh.items.onRead = () => Promise.reject(new Error('bug'));
    for (const url of urls) await fresh.get(url);
    expect(await keys()).toEqual(start);
  });
});
