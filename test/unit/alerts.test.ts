// Alerts: they use metrics that exist, each is tested, and each has a page in the runbook.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createKeeperMetrics } from '../../src/keeper/keeper-metrics.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { LOCK_OUTCOMES } from '../../src/redis/content-locks.ts';
import { UNCONFIRMED_REASONS } from '../../src/redis/faults.ts';
import { CONNECTIONS } from '../../src/redis/store.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

type Rule = {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: Record<string, string>;
};
type RuleFile = { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
type TestFile = {
  readonly rule_files: readonly string[];
  readonly tests: readonly {
    readonly name: string;
    readonly promql_expr_test: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[];
  }[];
};

const filesIn = (folder: string): string[] => globSync('*.yml', { cwd: join(ROOT, folder) }).toSorted();
const RULE_FILES = filesIn('ops/prometheus/rules');
const rulesOf = (file: string): Rule[] =>
  (parse(read(`ops/prometheus/rules/${file}`)) as RuleFile).groups.flatMap(({ rules }) => rules);
const RULES = RULE_FILES.flatMap(rulesOf);
const ALERTS = RULES.filter(({ alert }) => alert !== undefined);
const NAMES = ALERTS.map(({ alert = '' }) => alert);
/** The first is for a machine that misses it, the second for Alertmanager. */
const TELLS_NOBODY = new Set(['Watchdog', 'OutageKnown']);

/**
 * What others give and our rules use: Prometheus itself, redis_exporter (seen at 1.86 with a master, a replica and a
 * Sentinel of Redis 8) and nginx-prometheus-exporter (seen at 1.5.1).
 */
const METRICS_OF_OTHERS = [
  'ALERTS',
  'up',
  'nginx_up',
  'redis_aof_enabled',
  'redis_aof_last_bgrewrite_status',
  'redis_aof_last_write_status',
  'redis_connected_slaves',
  'redis_db_keys',
  'redis_db_keys_expiring',
  'redis_evicted_keys_total',
  'redis_instance_info',
  'redis_memory_max_bytes',
  'redis_memory_used_bytes',
  'redis_sentinel_master_ckquorum_status',
  'redis_sentinel_master_status',
  'redis_up',
  'scrape_duration_seconds',
];

/** The names of all metrics that an expression reads; an error in its syntax is one named "⚠". */
function metricsIn(expr: string): string[] {
  const names: string[] = [];
  parser.parse(expr).iterate({
    enter({ type, from, to, node }) {
      if (type.isError) names.push('⚠');
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') names.push(expr.slice(from, to));
    },
  });
  return names;
}

/** The names of the series in the text of a registry. */
const seriesIn = (text: string): string[] =>
  [...text.matchAll(/^([a-z0-9_]+)[ {]/gm)].map(([, name = '']) => name).filter((name) => name !== '');

describe('rules', () => {
  const known = new Set<string>();
  beforeAll(async () => {
    const labels = { connections: CONNECTIONS, buildInfo: { version: '1.2.3', node: 'v24.0.0' } };
    const metrics = createMetrics({
      ...labels,
      unconfirmedReasons: UNCONFIRMED_REASONS,
      lockOutcomes: LOCK_OUTCOMES,
      pendingSaves: () => 0,
    });
    metrics.httpRequestDuration.zero({ method: 'POST', route: '/v1/items', status_code: '201' });
    const texts = [await metrics.registry.metrics(), await createKeeperMetrics(labels, new Map()).registry.metrics()];
    const recorded = RULES.map(({ record }) => record ?? '');
    for (const name of [...texts.flatMap(seriesIn), ...recorded, ...METRICS_OF_OTHERS]) known.add(name);
  });

  test.each(RULES.map(({ alert, record, expr }) => [alert ?? record ?? '', expr]))(
    '%s reads only metrics that exist',
    (_, expr) => {
      expect(metricsIn(expr).filter((name) => !known.has(name))).toEqual([]);
    },
  );

  test('every metric of others that is listed here is used', () => {
    const used = new Set(RULES.flatMap(({ expr }) => metricsIn(expr)));
    expect(METRICS_OF_OTHERS.filter((name) => !used.has(name))).toEqual([]);
  });

  test('a name that is misspelled and an expression that is cut off would be seen', () => {
    expect(metricsIn('sum(rate(item_save_total{mode="single"}[5m])) > 0')).toEqual(['item_save_total']);
    expect(metricsIn('sum(up{')).toContain('⚠');
    expect(known.has('item_save_total')).toBe(false);
  });
});

describe('alerts', () => {
  test('there are some, each under a name of its own', () => {
    expect(NAMES.length).toBeGreaterThan(30);
    expect(new Set(NAMES).size).toBe(NAMES.length);
  });

  test.each(ALERTS.map((rule) => [rule.alert ?? '', rule] as const))(
    '%s says how urgent it is and what it means',
    (_, rule) => {
      expect(rule.labels?.severity).toBeOneOf(TELLS_NOBODY.has(rule.alert ?? '') ? ['none'] : ['page', 'ticket']);
      expect(rule.annotations).toEqual({
        summary: expect.stringMatching(/^\S.{10,80}[^.]$/) as string,
        description: expect.stringMatching(/\S\.$/) as string,
        runbook_url: expect.any(String) as string,
      });
    },
  );

  const headings = [...read('docs/runbook.md').matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name);

  test.each(ALERTS.map(({ alert = '', annotations }) => [alert, annotations?.['runbook_url']]))(
    '%s has a page in the runbook',
    (name, url) => {
      expect(url).toBe(`docs/runbook.md#${name.toLowerCase()}`);
      expect(headings.filter((heading) => heading === name)).toEqual([name]);
    },
  );

  test.each(['What it means', 'What users see', 'How to look', 'What to do', 'Over when'])(
    'each page says: %s',
    (part) => {
      const pages = read('docs/runbook.md').split(/^### /m);
      const lacking = NAMES.filter(
        (name) => !pages.some((page) => page.startsWith(`${name}\n`) && page.includes(`**${part}.**`)),
      );
      expect(lacking).toEqual([]);
    },
  );

  test.each(RULE_FILES)('in a test, everything in %s fires and all of it is silent while all is well', (file) => {
    const files = filesIn('ops/prometheus/tests').map(
      (name) => parse(read(`ops/prometheus/tests/${name}`)) as TestFile,
    );
    const own = files.filter(({ rule_files }) => rule_files.includes(`../rules/${file}`)).flatMap(({ tests }) => tests);
    const fired = own.flatMap(({ promql_expr_test }) => promql_expr_test.flatMap(({ exp_samples }) => exp_samples));
    const expected = new Set(fired.map(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1]));
    const names = rulesOf(file).flatMap(({ alert }) => (alert === undefined || alert === 'Watchdog' ? [] : [alert]));
    expect(names.filter((name) => !expected.has(name))).toEqual([]);
    const healthy = own.filter(({ name }) => name.startsWith('all is well'));
    expect(healthy.length).toBeGreaterThan(0);
    for (const { promql_expr_test } of healthy) {
      expect(promql_expr_test.filter(({ exp_samples }) => exp_samples.length > 0)).toEqual([]);
    }
  });

  test('Alertmanager names no alert that does not exist', () => {
    const { inhibit_rules } = parse(read('ops/alertmanager/alertmanager.yml')) as {
      inhibit_rules: { source_matchers: string[]; target_matchers: string[] }[];
    };
    const matchers = inhibit_rules.flatMap(({ source_matchers, target_matchers }) => [
      ...source_matchers,
      ...target_matchers,
    ]);
    expect(matchers.length).toBeGreaterThan(10);
    for (const matcher of matchers.filter((one) => one !== 'job = keeper')) {
      const [, names = ''] = /^alertname =~? "?([^"]+)"?$/.exec(matcher) ?? [];
      const unknown = names
        .split(/\|(?![^(]*\))/)
        .filter((part) => !NAMES.some((name) => new RegExp(`^(?:${part})$`).test(name)));
      expect(unknown, matcher).toEqual([]);
    }
  });
});
