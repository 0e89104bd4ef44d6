// Who may do what, in the manifests: the pods to their node, and everybody to the pods.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { manifestsOf, type Selector, specOf } from '../support/kubernetes-workloads.ts';

const PROMETHEUS = new URL('../../ops/prometheus/prometheus.yml', import.meta.url);
type Prometheus = { global: { scrape_interval: string }; scrape_configs: { job_name: string }[] };

const WORKLOADS = ['items-api', 'items-keeper', 'items-nginx'];

function matches(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => operator === 'In' && values.includes(labels[key] ?? ''))
  );
}

test('every Deployment is looked at', () => {
  expect(
    manifestsOf('Deployment')
      .map(({ metadata }) => metadata.name)
      .toSorted(),
  ).toEqual(WORKLOADS);
});

describe.each(WORKLOADS)('%s', (name) => {
  const { spec, metadata } = specOf('Deployment', name).template;
  const { labels } = metadata;
  const [container] = spec.containers;

  test('runs under the Pod Security Standard "restricted", on a root filesystem that it cannot change', () => {
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(spec.securityContext['runAsUser']).toBeGreaterThan(0);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(Object.keys(spec).filter((key) => key.startsWith('host'))).toEqual([]);
    for (const { name: volume, secret, emptyDir, projected } of spec.volumes) {
      expect(secret ?? emptyDir ?? projected, volume).toBeDefined();
    }
  });

  test('has no token of the cluster, a limit of memory, and what it needs is reserved', () => {
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(spec.enableServiceLinks).toBe(false);
    expect(container.resources.limits['memory']).toMatch(/Mi$/);
    expect(Object.keys(container.resources.requests).toSorted()).toEqual(['cpu', 'memory']);
  });

  test('is what its Service, its budget and its selector mean', () => {
    expect(specOf('Service', name).selector).toEqual(labels);
    expect(matches(specOf('Deployment', name).selector, labels)).toBe(true);
    expect(matches(specOf('PodDisruptionBudget', name).selector, labels)).toBe(true);
  });

  test('takes from nobody and sends to nobody but whom a policy names', () => {
    const policies = manifestsOf('NetworkPolicy')
      .map((one) => one.spec)
      .filter(({ podSelector }) => matches(podSelector, labels));
    expect(new Set(policies.flatMap(({ policyTypes }) => policyTypes))).toEqual(new Set(['Ingress', 'Egress']));
    for (const { ingress = [], egress = [] } of policies) {
      // A rule without peers is for everybody, one without ports for every port, and so is an empty selector.
      for (const { from, to, ports } of [...ingress, ...egress]) {
        expect(ports?.length).toBeGreaterThan(0);
        const peers = from ?? to ?? [];
        expect(peers.length).toBeGreaterThan(0);
        for (const peer of peers) {
          const selectors = [peer.podSelector, peer.namespaceSelector].filter((one) => one !== undefined);
          expect(selectors.length).toBeGreaterThan(0);
          for (const one of selectors) expect(Object.keys(one.matchLabels ?? {}).length).toBeGreaterThan(0);
        }
      }
    }
  });
});

type Reach = Record<string, (string | number)[]>;

/** The ports of a program that others may reach, by who may; with "Egress" the ports of others that it may reach. */
function reachable(name: string, type: 'Ingress' | 'Egress' = 'Ingress'): Reach {
  const rules = manifestsOf('NetworkPolicy')
    .map((one) => one.spec)
    .filter(({ podSelector }) => matches(podSelector, specOf('Deployment', name).template.metadata.labels))
    // Rules of a kind that a policy does not name are ignored.
    .filter(({ policyTypes }) => policyTypes.includes(type))
    .flatMap(({ ingress = [], egress = [] }) => (type === 'Ingress' ? ingress : egress));
  const entries = rules.flatMap(({ from = [], to = [], ports = [] }) =>
    (type === 'Ingress' ? from : to).map((peer) => {
      const labels = { ...peer.namespaceSelector?.matchLabels, ...peer.podSelector?.matchLabels };
      return [Object.values(labels).join(' '), ports.map(({ port }) => port)] as const;
    }),
  );
  return Object.fromEntries(entries);
}

test('only nginx reaches the port of the instances, only Prometheus their metrics, and only the gateway nginx', () => {
  expect(reachable('items-api')).toEqual({ 'items-nginx': ['http', 'streams'], 'monitoring prometheus': ['metrics'] });
  expect(reachable('items-keeper')).toEqual({ 'monitoring prometheus': ['metrics'] });
  expect(reachable('items-nginx')).toEqual({ gateway: ['http'] });
});

test('instances and keepers reach Redis and the Sentinels, nginx the instances, and all of them DNS', () => {
  const dns = { 'kube-system kube-dns': [53, 53] };
  expect(reachable('items-api', 'Egress')).toEqual({ ...dns, redis: [6379, 26379] });
  expect(reachable('items-keeper', 'Egress')).toEqual({ ...dns, redis: [6379, 26379] });
  expect(reachable('items-nginx', 'Egress')).toEqual({ ...dns, 'items-api': [3000, 3001] });
});

test('Prometheus finds a port at each Service that it is pointed to', () => {
  const monitors = manifestsOf('ServiceMonitor');
  expect(monitors).toHaveLength(2);
  for (const monitor of monitors) {
    const { selector, endpoints } = monitor.spec;
    const services = manifestsOf('Service').filter(({ metadata }) => matches(selector, metadata.labels ?? {}));
    expect(services.map(({ metadata }) => metadata.name)).toEqual([monitor.metadata.name]);
    const ports = services.flatMap(({ spec }) => spec.ports.map(({ name }) => name));
    for (const { port } of endpoints) expect(ports).toContain(port);
  }
});

test('Prometheus calls them as the rules of ops/prometheus do, and asks as often', () => {
  const { global, scrape_configs: jobs } = parse(readFileSync(PROMETHEUS, 'utf8')) as Prometheus;
  const names = manifestsOf('ServiceMonitor').map(({ metadata, spec }) => {
    const [{ interval, relabelings } = { interval: '', relabelings: [] }] = spec.endpoints;
    expect(interval).toBe(global.scrape_interval);
    return [metadata.name, relabelings.find(({ targetLabel }) => targetLabel === 'job')?.replacement];
  });
  expect(Object.fromEntries(names)).toEqual({ 'items-api': 'items', 'items-keeper': 'keeper' });
  expect(jobs.map(({ job_name: name }) => name)).toEqual(expect.arrayContaining(['items', 'keeper']));
});

test('the autoscaler alone decides how many instances there are, grows at once and shrinks one by one', () => {
  expect(specOf('Deployment', 'items-api')).not.toHaveProperty('replicas');
  const { scaleTargetRef, minReplicas, behavior } = specOf('HorizontalPodAutoscaler', 'items-api');
  expect(scaleTargetRef).toEqual({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'items-api' });
  // One may be evicted at any time, see the budget.
  expect(minReplicas).toBeGreaterThan(1);
  expect(behavior.scaleUp.stabilizationWindowSeconds).toBe(0);
  expect(behavior.scaleDown).toEqual({
    stabilizationWindowSeconds: 300,
    policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }],
  });
});
