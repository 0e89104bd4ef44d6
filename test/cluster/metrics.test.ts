// Prometheus over the whole stack under load and a failover: every target answers, and no panel of the dashboard is empty.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ComposeStack, defineStack, dockerAnswers } from '../support/compose.ts';
import { withComposeStack } from '../support/compose-hooks.ts';
import { post, startLoad } from '../support/http-load.ts';
import { rangeOf, targetsOf, valuesOf } from '../support/prometheus.ts';

// That the engine must be there with REQUIRE_DOCKER=1 is said by compose.test.ts.
const docker = dockerAnswers();

type Panel = { readonly type: string; readonly title: string; readonly targets?: readonly { readonly expr: string }[] };
const dashboard = JSON.parse(
  readFileSync(new URL('../../ops/grafana/dashboards/items.json', import.meta.url), 'utf8'),
) as {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
};

/** What Grafana would put in place of its variables; four scrapes are the shortest time that it takes for a rate. */
const asked = (expr: string): string => expr.replaceAll('$__rate_interval', '20s').replaceAll('$instance', '.*');
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => [title, asked(expr)] as const),
);
/** What must stay at 0 in a set that works, is only counted where API keys are asked for, or is over before anybody looks. */
const MAY_BE_ZERO =
  /audit_lines_lost|api_key|http_authentications|lock_lost|release_failures|evicted|last_write_status|tilt|acl_access|action_failures|demotions|repl_offset|connections_reading/;

let stack: ComposeStack;
let startedAt: number;

describe.skipIf(!docker)('metrics in docker compose (needs a Docker engine)', () => {
  withComposeStack(async () => (stack = await defineStack()));
  beforeAll(() => {
    startedAt = Date.now() / 1_000;
  });

  test('every target is up: instances, keepers, Redis nodes, Sentinels, nginx', async () => {
    await expect
      .poll(async () => (await targetsOf(stack.prometheusUrl)).filter(({ health }) => health !== 'up'), eventually)
      .toEqual([]);
    const byJob = Map.groupBy(await targetsOf(stack.prometheusUrl), ({ labels }) => labels.job);
    expect(Object.fromEntries([...byJob].map(([job, targets]) => [job, targets.length]))).toMatchObject({
      items: 2,
      keeper: 2,
      redis: 3,
      sentinel: 3,
      nginx: 1,
    });
    const up = async (query: string) =>
      (await valuesOf(stack.prometheusUrl, query)).map(({ metric }) => metric['instance'] ?? '').toSorted();
    // An exporter that is up says nothing about whom it asks.
    await expect.poll(() => up('redis_up{job="redis"} == 1'), eventually).toEqual(names('redis', 6_379));
    await expect.poll(() => up('redis_up{job="sentinel"} == 1'), eventually).toEqual(names('sentinel', 26_379));
    await expect.poll(() => up('nginx_up == 1'), eventually).toEqual(['nginx-exporter:9113']);
  });

  test.each([
    ['api', 9_464],
    ['keeper', 3_000],
  ])('promtool finds nothing to object to in what %s shows', async (service, port) => {
    const [container] = await stack.containers(service);
    const [prometheus] = await stack.containers('prometheus');
    const text = await stack.exec(container!, 'node', '-e', READ_METRICS, String(port));
    expect(text).toContain('# TYPE http_request_duration_seconds histogram');
    const check = ['exec', '-i', prometheus!.id, 'promtool', 'check', 'metrics'];
    expect(String(execFileSync('docker', check, { input: `${text}\n`, stdio: 'pipe' }))).toBe('');
  });

  test('no panel of the dashboard is empty, and what is made to happen shows', async () => {
    const stopFeed = new AbortController();
    const feed = await fetch(`${stack.url}/v1/items/feed`, { signal: stopFeed.signal });
    const reading = feed.body?.pipeTo(new WritableStream()).catch(() => {});
    const load = startLoad(stack.url, 'metrics', 8);
    const mix = repeat(mixedRequests);
    const master = async () =>
      (await stack.operator('sentinel-1:26379', 'sentinel', 'get-master-addr-by-name', 'items')).split('\n')[0]!;
    const before = await master();
    // Prometheus must have seen it as it was, or nothing changes for it.
    const epochs = () => valuesOf(stack.prometheusUrl, 'redis_sentinel_master_config_epoch');
    await expect.poll(async () => (await epochs()).length, eventually).toBe(3);
    await stack.compose('kill', '--signal', 'KILL', before);
    await expect.poll(master, eventually).not.toBe(before);
    await stack.scale(2);

    const empty = async (): Promise<string[]> => {
      const found = await Promise.all(
        queries.map(async ([title, expr]) => {
          const numbers = (await rangeOf(stack.prometheusUrl, expr, startedAt, 5)).filter(
            (value) => !Number.isNaN(value),
          );
          const shows = numbers.length > 0 && (MAY_BE_ZERO.test(expr) || numbers.some((value) => value > 0));
          return shows ? [] : [`${title}: ${expr}`];
        }),
      );
      return found.flat();
    };
    await expect.poll(empty, { timeout: 120_000, interval: 2_000 }).toEqual([]);
    const unmarked = async (): Promise<string[]> => {
      const found = await Promise.all(
        dashboard.annotations.list.map(async ({ expr }) => {
          const marks = await rangeOf(stack.prometheusUrl, expr, startedAt, 5);
          return marks.length > 0 ? [] : [expr];
        }),
      );
      return found.flat();
    };
    await expect.poll(unmarked, { timeout: 120_000, interval: 2_000 }).toEqual([]);
    await mix.stop();
    await load.stop();
    stopFeed.abort();
    await reading;
  });

  test('the exporter is refused nothing by any node or Sentinel', async () => {
    const set = [1, 2, 3].flatMap((n) => [`redis-${n}:6379`, `sentinel-${n}:26379`]);
    const logs = set.map(async (address) => [address, await stack.operator(address, 'acl', 'log', '1000')]);
    expect(await Promise.all(logs)).toEqual(set.map((address) => [address, '']));
  });

  test('Grafana would be as shut as the others, and be reached from this host only', async () => {
    const files = ['docker-compose.yml', 'docker-compose.grafana.yml'].flatMap((file) => ['--file', file]);
    const { services } = JSON.parse(await stack.docker('compose', ...files, 'config', '--format', 'json')) as {
      services: Record<string, Record<string, unknown>>;
    };
    expect(services['grafana']).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      networks: { dashboards: null },
      ports: [{ host_ip: '127.0.0.1' }],
      deploy: { resources: { limits: { pids: 100 } } },
    });
    expect(Object.keys(services['grafana']?.['networks'] ?? {})).toEqual(['dashboards']);
  });
});

const names = (kind: string, port: number) => [1, 2, 3].map((n) => `${kind}-${n}:${port}`);
const eventually = { timeout: 60_000, interval: 500 };
const READ_METRICS =
  "fetch('http://127.0.0.1:' + process.argv[1] + '/metrics').then((r) => r.text()).then((t) => process.stdout.write(t))";

let round = 0;

/** The same content many times at once, the same request again, a content that is refused, a batch, an erasure. */
async function mixedRequests(): Promise<void> {
  const content = `mixed-${round++}`;
  const headers = { 'content-type': 'application/json', 'idempotency-key': content };
  const body = JSON.stringify({ content });
  const saved = await fetch(`${stack.url}/v1/items`, { method: 'POST', headers, body });
  await saved.arrayBuffer();
  await (await fetch(`${stack.url}/v1/items`, { method: 'POST', headers, body })).arrayBuffer();
  const crowd = Array.from({ length: 24 }, () => post(stack.url, `crowd ${content}`));
  for (const answer of await Promise.all(crowd)) await answer.arrayBuffer();
  await (await post(stack.url, '')).arrayBuffer();
  const location = saved.headers.get('location');
  if (saved.status === 201 && location !== null) await fetch(new URL(location, stack.url), { method: 'DELETE' });
}

/** Does it again and again until it is stopped, whatever comes of it. */
function repeat(work: () => Promise<void>): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) await work().catch(() => {});
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
