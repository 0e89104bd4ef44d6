// The dashboard: its file is what the code makes, Grafana can place every panel, and each metric of ours is on one.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { dashboard } from '../../ops/grafana/dashboard.ts';
import { createKeeperMetrics } from '../../src/keeper/keeper-metrics.ts';
import { createMetrics } from '../../src/observability/metrics.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

type Place = { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: Place;
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
};

const all = dashboard.panels as unknown as readonly Panel[];
const panels = all.filter(({ type }) => type !== 'row');
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

test('ops/grafana/dashboards/items.json is it ("npm run dashboard" writes it anew)', async () => {
  await expect(`${JSON.stringify(dashboard, null, 1)}\n`).toMatchFileSnapshot(
    '../../ops/grafana/dashboards/items.json',
  );
});

test('it has the rows that it is for, with panels in each', () => {
  const sizes = all.reduce<[string, number][]>((rows, { type, title }) => {
    if (type === 'row') rows.push([title, 0]);
    else rows.at(-1)![1]++;
    return rows;
  }, []);
  expect(sizes.map(([title]) => title)).toEqual([
    'Service',
    'Deduplication',
    'Acknowledgement',
    'Redis and Sentinel',
    'Clients',
    'Runtime',
  ]);
  expect(sizes.filter(([, size]) => size < 4)).toEqual([]);
});

const overlap = (a: Place, b: Place) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

test('Grafana can place each panel: an id of its own, and no two at one place', () => {
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  expect(all.filter(({ gridPos: { x, y, w, h } }) => x < 0 || y < 0 || w < 1 || h < 1 || x + w > 24)).toEqual([]);
  const pairs = all.flatMap((a, i) => all.slice(i + 1).map((b) => [a, b] as const));
  expect(pairs.filter(([a, b]) => overlap(a.gridPos, b.gridPos)).map(([a, b]) => [a.title, b.title])).toEqual([]);
});

describe.each(panels.map((panel) => [`${panel.id} ${panel.title}`, panel] as const))('panel %s', (_, panel) => {
  test('says what it shows, in which unit, and where the numbers are from', () => {
    expect(panel.title).not.toBe('');
    expect(panel.description).toMatch(/^[A-Za-z0-9].+\.$/);
    expect(['timeseries', 'stat']).toContain(panel.type);
    expect(panel.fieldConfig?.defaults.unit).toMatch(/^\w+$/);
    expect(panel.datasource?.uid).toBe('${datasource}');
  });

  test('asks something, each query under a letter and a name of its own', () => {
    const targets = panel.targets ?? [];
    expect(targets.length).toBeGreaterThan(0);
    expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    expect(new Set(targets.map(({ legendFormat }) => legendFormat)).size).toBe(targets.length);
    // A rate over a time of its own is empty when it is shorter than four scrapes, or hides what is shorter.
    const ranges = targets.flatMap(({ expr }) => [...expr.matchAll(/[\w}]\[([^\]]+)\]/g)].map(([, range]) => range));
    expect(ranges.filter((range) => range !== '$__rate_interval' && range !== '1h')).toEqual([]);
  });
});

test('titles are unique within a row', () => {
  const titles = all.reduce<string[]>((names, { type, title }, i) => {
    const row = all.slice(0, i + 1).findLast((panel) => panel.type === 'row');
    if (type !== 'row') names.push(`${row?.title}: ${title}`);
    return names;
  }, []);
  expect(new Set(titles).size).toBe(titles.length);
});

const labels = { connections: [], buildInfo: { version: '1', node: '1' } };
const ours = [
  createMetrics({ ...labels, unconfirmedReasons: [], lockOutcomes: [], pendingSaves: () => 0 }).registry,
  createKeeperMetrics(labels, new Map()).registry,
].flatMap((registry) => registry.getMetricsAsArray().map(({ name }) => name));

test('every metric of ours is on a panel; of those of Node, some', () => {
  const named = new Set(expressions.join(' ').match(/\w+/g));
  const shown = (name: string) => ['', '_bucket', '_sum', '_count'].some((end) => named.has(name + end));
  expect(ours.length).toBeGreaterThan(40);
  expect(ours.filter((name) => !/^(nodejs|process)_/.test(name) && !shown(name))).toEqual([]);
});

test('what is asked for and called as ours is there: a metric that was renamed would leave a panel empty', () => {
  const known = new Set(ours.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]));
  const asked = expressions
    .join(' ')
    .match(/\b(?:item|commit|content|replication|keeper|http|api|audit|build|nodejs|process)_\w+(?=[{[) ]|$)/g);
  expect(asked?.length).toBeGreaterThan(40);
  expect(asked?.filter((name) => !known.has(name))).toEqual([]);
});

test('Grafana is given the file and the Prometheus that compose starts', () => {
  const compose = read('docker-compose.grafana.yml');
  expect(compose).toContain('./ops/grafana/dashboards:/etc/grafana/dashboards:ro');
  expect(compose).toContain('./ops/grafana/provisioning:/etc/grafana/provisioning:ro');
  expect(read('ops/grafana/provisioning/dashboards/files.yml')).toMatch(/^ +path: \/etc\/grafana\/dashboards$/m);
  expect(read('ops/grafana/provisioning/datasources/prometheus.yml')).toMatch(/^ +url: http:\/\/prometheus:9090$/m);
  const interval = /^ +scrape_interval: (\w+)$/m.exec(read('ops/prometheus/prometheus.yml'))?.[1];
  expect(read('ops/grafana/provisioning/datasources/prometheus.yml')).toMatch(
    new RegExp(`^ +timeInterval: ${interval}$`, 'm'),
  );
});
