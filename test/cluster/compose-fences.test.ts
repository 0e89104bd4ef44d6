// What the compose file keeps apart: who reaches whom, what a container may do, and where passwords are not.
import { beforeAll, describe, expect, test } from 'vitest';
import { type ComposeStack, type Container, defineStack, dockerAnswers, type Inspected } from '../support/compose.ts';
import { withComposeStack } from '../support/compose-hooks.ts';

// That the engine must be there with REQUIRE_DOCKER=1 is said by compose.test.ts.
const docker = dockerAnswers();

let stack: ComposeStack;
let containers: Inspected[];

describe.skipIf(!docker)('the fences of docker compose (needs a Docker engine)', () => {
  withComposeStack(async () => (stack = await defineStack()));
  beforeAll(async () => {
    containers = await stack.inspect();
  });

  test('no container can write its own files, gain a right, or take all of the machine', () => {
    expect(containers.length).toBeGreaterThan(11);
    const open = containers.map(({ Name, HostConfig: host, Mounts }) => [
      Name,
      {
        canWrite: !host.ReadonlyRootfs,
        capabilities: host.CapDrop?.includes('ALL') === true ? host.CapAdd : 'all',
        newPrivileges: host.SecurityOpt?.includes('no-new-privileges:true') !== true,
        privileged: host.Privileged,
        unlimited: [host.PidsLimit ?? 0, host.Memory, host.NanoCpus].some((limit) => limit <= 0),
        hostNetwork: host.NetworkMode === 'host',
        // The configuration is read only, and nobody gets at the engine.
        fromHost: Mounts.filter(
          ({ Source, RW }) => (RW && !Source.includes('/volumes/')) || /docker\.sock/.test(Source),
        ),
      },
    ]);
    const shut = { canWrite: false, capabilities: null, newPrivileges: false, privileged: false, unlimited: false };
    expect(open).toEqual(containers.map(({ Name }) => [Name, { ...shut, hostNetwork: false, fromHost: [] }]));
  });

  test('nobody is root but for the moment in which the passwords are made, without a network', () => {
    const roots = containers.filter(({ Config: { User } }) => User === '' || /^(0|root)(:|$)/.test(User));
    expect(roots.map(({ Name }) => Name)).toEqual([expect.stringContaining('-secrets-1')]);
    expect(roots[0]).toMatchObject({ State: { Running: false, ExitCode: 0 }, HostConfig: { NetworkMode: 'none' } });
  });

  test('no password is where "docker inspect" or "ps" shows it', async () => {
    const shown = containers.map(({ Config: { Env, Cmd, Healthcheck } }) => JSON.stringify([Env, Cmd, Healthcheck]));
    expect(shown.filter((text) => /[0-9a-f]{64}/.test(text))).toEqual([]);
    expect(shown.filter((text) => /PASSWORD=/.test(text))).toEqual([]);
    const processes = await Promise.all(
      containers.filter(({ State }) => State.Running).map(({ Id }) => stack.docker('top', Id, '-o', 'pid,args')),
    );
    expect(processes.join('\n')).toContain('redis-server');
    expect(processes.filter((text) => /[0-9a-f]{64}/.test(text))).toEqual([]);
  });

  test('a container has the password of its own role and no other', async () => {
    const seen = new Set<string>();
    for (const service of ['api', 'keeper', 'redis-1', 'sentinel-1']) {
      const [container] = await stack.containers(service);
      const found = await stack.exec(container!, 'sh', '-c', 'ls /run/secrets; cat /run/secrets/password');
      seen.add(found.split('\n').at(-1) ?? '');
      expect(found.split('\n').slice(0, -1), service).toEqual(
        /redis|sentinel/.test(service) ? ['password', 'users'] : ['password'],
      );
    }
    expect([...seen].filter((password) => /^[0-9a-f]{64}$/.test(password))).toHaveLength(4);
    for (const service of ['nginx', 'prometheus']) {
      const [container] = await stack.containers(service);
      await expect(stack.exec(container!, 'ls', '/run/secrets'), service).rejects.toThrow(/No such file/);
    }
  });

  test('Redis and Sentinel are reached by those who need them, with a password, and by nobody else', async () => {
    const addresses = [11, 12, 13].map((n) => [n, 6_379]).concat([21, 22, 23].map((n) => [n, 26_379]));
    const [api] = await stack.containers('api');
    const [nginx] = await stack.containers('nginx');
    for (const [last, port] of addresses) {
      const at = `${stack.dataNetwork}.${last}`;
      expect(await canConnect(api!, `node -e "${CONNECT}" ${at} ${port}`), at).toBe(true);
      expect(await canConnect(nginx!, `timeout 3 bash -c '</dev/tcp/${at}/${port}'`), at).toBe(false);
    }
    // The same question to somebody whom nginx does reach, so that "no" means something.
    expect(await canConnect(nginx!, `timeout 3 bash -c '</dev/tcp/api/3000'`)).toBe(true);
    const onData = containers.filter(
      ({ NetworkSettings: { Networks } }) => `${stack.project}_data_${stack.dataNetwork}` in Networks,
    );
    const services = new Set(onData.map(({ Name }) => Name.replace(/^\/.*?-[0-9a-f]{8}-([\w-]+?)(-\d+)+$/, '$1')));
    expect([...services].toSorted()).toEqual(['api', 'keeper', 'redis', 'redis-exporter', 'sentinel']);
    expect(await stack.exec(api!, 'node', '-e', ASK_WITHOUT_PASSWORD, `${stack.dataNetwork}.11`)).toMatch(/^-NOAUTH/);
  });

  test('only nginx has a way out, and Prometheus and Alertmanager to this host', async () => {
    const networks = JSON.parse(
      await stack.docker(
        'network',
        'inspect',
        ...(
          await stack.docker('network', 'ls', '-q', '--filter', `label=com.docker.compose.project=${stack.project}`)
        ).split('\n'),
      ),
    ) as { Name: string; Internal: boolean }[];
    const ways = networks.filter(({ Internal }) => !Internal).map(({ Name }) => Name.replace(`${stack.project}_`, ''));
    expect(ways.toSorted()).toEqual(['dashboards', 'public']);
    const who = (network: string) =>
      containers.filter((one) => `${stack.project}_${network}` in one.NetworkSettings.Networks).map(({ Name }) => Name);
    expect(who('public')).toEqual([expect.stringContaining('-nginx-1')]);
    expect(
      who('dashboards')
        .map((name) => name.replace(/^.*?-[0-9a-f]{8}-/, ''))
        .toSorted(),
    ).toEqual(['alertmanager-1', 'prometheus-1']);
    // And it is not where the numbers of all others are, or Prometheus, which asks nobody for a password.
    expect(who('nginx-status').toSorted()).toEqual(
      ['-nginx-1', '-nginx-exporter-1'].map((end) => expect.stringContaining(end) as string),
    );
    expect(who('metrics').filter((name) => name.includes('-nginx-1'))).toEqual([]);
  });

  test.each([
    '/metrics',
    '/metrics/',
    '//metrics',
    '/%6detrics',
    '/v1/../metrics',
    '/metrics?x=1',
    '/METRICS',
    '/nginx_status',
  ])('nginx has no numbers for the outside at %s', async (path) => {
    const { hostname, port } = new URL(stack.url);
    // As it is written: a client library would tidy the path up.
    const answer = await stack.outside(
      `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 40[04] /);
    expect(answer).not.toContain('# TYPE');
  });
});

const CONNECT =
  "const [host, port] = process.argv.slice(1); require('node:net').connect(port, host, () => process.exit(0)).on('error', () => process.exit(1)).setTimeout(3000, () => process.exit(1))";
const ASK_WITHOUT_PASSWORD =
  "const s = require('node:net').connect(6379, process.argv[1]); s.end('GET meta\\r\\n'); s.on('data', (d) => process.stdout.write(d));";

async function canConnect(from: Container, command: string): Promise<boolean> {
  return stack.exec(from, 'sh', '-c', command).then(
    () => true,
    () => false,
  );
}
