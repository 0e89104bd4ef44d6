// The manifests fit the programs that they start: settings, ports, probes, times, users.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildApp, buildOpsApp } from '../../src/app.ts';
import { loadConfig, SECRET_SETTINGS, settingsSchema } from '../../src/config.ts';
import { loadKeeperConfig } from '../../src/keeper/keeper-config.ts';
import { configOf, environmentOf, manifestsOf, type Pod, specOf } from '../support/kubernetes-workloads.ts';
import { createTestApp } from '../support/test-app.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
type ComposeService = { user?: string; image: string; command?: string[]; deploy: { resources: { limits: object } } };
const compose = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, ComposeService> };

const podOf = (name: string): Pod => specOf('Deployment', name).template.spec;
const api = podOf('items-api');
const keeper = podOf('items-keeper');
const nginx = podOf('items-nginx');
const env = environmentOf(api.containers[0]);
const keeperEnv = environmentOf(keeper.containers[0]);
const seconds = (text: RegExp): number => Number(text.exec(read('nginx.conf'))?.[1]);

const portsOf = (name: string): Record<string, number> =>
  Object.fromEntries(podOf(name).containers[0].ports.map(({ name: key, containerPort }) => [key, containerPort]));
const waitOf = (pod: Pod): number => pod.containers[0].lifecycle?.preStop.sleep.seconds ?? 0;

describe('settings', () => {
  const known = [...Object.keys(settingsSchema.shape), ...SECRET_SETTINGS.map((name) => `${name}_FILE`)];

  test.each([
    ['the instances', env],
    ['the keepers', keeperEnv],
  ])('every name that %s are given is a setting', (_, given) => {
    expect(Object.keys(given).filter((name) => !known.includes(name))).toEqual([]);
  });

  test('both programs take theirs as they are, with a password in each file', () => {
    const asked: string[] = [];
    const readFile = (path: string): string => {
      asked.push(path);
      return 'a password\n';
    };
    const { REDIS_SENTINELS, ACKS, REDIS_PASSWORD } = loadConfig(env, readFile);
    expect(REDIS_SENTINELS).toHaveLength(3);
    expect(ACKS).toBe('all');
    expect(REDIS_PASSWORD).toBe('a password');
    expect(loadKeeperConfig(keeperEnv, readFile).REDIS_SENTINELS).toEqual(REDIS_SENTINELS);
    expect(new Set(asked)).toEqual(new Set(['/run/secrets/redis/password']));
  });

  test('what cannot be changed later is written down as it is by default', () => {
    const defaults = settingsSchema.parse({});
    expect(Number(env['PARTITIONS'])).toBe(defaults.PARTITIONS);
    expect(Number(env['INDEX_BUCKETS'])).toBe(defaults.INDEX_BUCKETS);
  });

  test('every file that a setting names is in a volume of a secret, whole and read-only', () => {
    for (const { containers, volumes } of [api, keeper]) {
      const [container] = containers;
      const files = Object.values(environmentOf(container)).filter((value) => value.startsWith('/run/secrets/'));
      expect(files.length).toBeGreaterThan(1);
      for (const file of files) {
        const mount = container.volumeMounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
        expect(mount, file).toMatchObject({ readOnly: true });
        expect(mount, file).not.toHaveProperty('subPath');
        // For the owner's group alone, which is fsGroup.
        expect(volumes.find(({ name }) => name === mount?.name)?.secret?.defaultMode, file).toBe(0o440);
      }
    }
  });

  test('instances and keepers come to Redis as their own user, each with a secret of its own', () => {
    const acl = read('ops/redis/users.acl');
    for (const [given, user] of [
      [env, 'service'],
      [keeperEnv, 'keeper'],
    ] as const) {
      expect([given['REDIS_USERNAME'], given['SENTINEL_USERNAME']]).toEqual([user, user]);
      expect(acl).toMatch(new RegExp(`^user ${user}$`, 'm'));
    }
    const secrets = [api, keeper].map(({ volumes }) => volumes.map(({ secret }) => secret?.secretName).filter(Boolean));
    expect(secrets).toEqual([['items-redis-service', 'items-api-keys'], ['items-redis-keeper']]);
  });
});

describe('ports', () => {
  test('are those that the programs are told to listen on', () => {
    const { PORT, STREAM_PORT, METRICS_PORT } = env;
    expect(portsOf('items-api')).toEqual({
      http: Number(PORT),
      streams: Number(STREAM_PORT),
      metrics: Number(METRICS_PORT),
    });
    expect(portsOf('items-keeper')).toEqual({ metrics: Number(keeperEnv['PORT']) });
    const entry = configOf('items-nginx-entry');
    expect(entry['server.conf']).toContain(`listen ${portsOf('items-nginx')['http']};`);
  });

  test('nginx finds the Service of the instances, and its ports', () => {
    const namespace = manifestsOf('Service')[0]?.metadata.namespace ?? '';
    const entry = configOf('items-nginx-entry');
    const server = (port: string | undefined): string =>
      `server items-api.${namespace}.svc.cluster.local:${port} resolve max_fails=0;`;
    expect(entry['api.conf']).toContain(server(env['PORT']));
    expect(entry['streams.conf']).toContain(server(env['STREAM_PORT']));
    expect(specOf('Service', 'items-api').clusterIP).toBe('None');
  });

  test.each(manifestsOf('Service').map(({ metadata, spec }) => [metadata.name, spec] as const))(
    'those of the Service %s are names that the container has',
    (name, { ports }) => {
      for (const { targetPort } of ports) {
        expect(Object.keys(portsOf(name))).toContain(targetPort);
      }
    },
  );

  test('probes ask a port that the container has', () => {
    for (const name of ['items-api', 'items-keeper', 'items-nginx']) {
      const { livenessProbe, readinessProbe } = podOf(name).containers[0];
      for (const { httpGet, tcpSocket } of [livenessProbe, readinessProbe]) {
        expect(Object.keys(portsOf(name))).toContain((httpGet ?? tcpSocket)?.port);
      }
    }
  });

  test.each([
    ['readiness of items-api', buildApp, 'items-api', 'readinessProbe', 503],
    ['liveness of items-api', buildOpsApp, 'items-api', 'livenessProbe', 200],
    ['liveness of items-keeper', buildOpsApp, 'items-keeper', 'livenessProbe', 200],
    ['readiness of items-keeper', buildOpsApp, 'items-keeper', 'readinessProbe', 503],
  ] as const)(
    'the probe for %s gets 200, and while draining what it is meant to',
    async (_, appOf, name, probe, later) => {
      await using service = await createTestApp({}, appOf);
      const { path = '' } = podOf(name).containers[0][probe].httpGet ?? {};
      service.readiness.storeAnswered(true);
      service.readiness.started();
      expect((await service.get(path)).statusCode).toBe(200);
      service.readiness.drain();
      expect((await service.get(path)).statusCode).toBe(later);
    },
  );
});

describe('times', () => {
  test('an instance is killed only after it had all the time that its shutdown may take', () => {
    const hardStop = Number(env['SHUTDOWN_GRACE_MS']) / 1_000 + 1;
    expect(api.terminationGracePeriodSeconds).toBeGreaterThan(waitOf(api) + hardStop);
    expect(keeper.terminationGracePeriodSeconds).toBeGreaterThan(Number(keeperEnv['SHUTDOWN_GRACE_MS']) / 1_000 + 1);
  });

  test('it goes on serving until nginx no longer knows it', () => {
    const entry = configOf('items-nginx-entry');
    const valid = Number(/ valid=(\d+)s/.exec(entry['api.conf'] ?? '')?.[1]);
    const coreDnsTtl = 5;
    expect(waitOf(api)).toBeGreaterThan(coreDnsTtl + valid);
  });

  test('nginx is killed only after two rounds over the instances', () => {
    // The third and fourth are over sooner, see nginx.conf.
    const rounds = 2 * seconds(/proxy_next_upstream_timeout (\d+)s/);
    expect(rounds).toBe(50);
    expect(nginx.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(waitOf(nginx) + rounds);
  });
});

test('nginx, its user and the sizes are those of docker-compose.yml', () => {
  const { services } = compose;
  expect(nginx.containers[0].image).toBe(services['nginx']?.image);
  const { runAsUser, runAsGroup } = nginx.securityContext;
  expect([runAsUser, runAsGroup].join(':')).toBe(services['nginx']?.user);
  expect(nginx.containers[0].args).toEqual(services['nginx']?.command);
  expect(keeper.containers[0].args).toEqual(services['keeper']?.command);
  for (const [name, pod] of Object.entries({ api, keeper, nginx })) {
    expect(services[name]?.deploy.resources.limits).toMatchObject({
      memory: pod.containers[0].resources.limits['memory']?.replace(/Mi$/, 'm'),
    });
  }
});
