// One docker compose stack of this repository, on free ports and under a project name of its own.
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Ports } from '../../stack/ports.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Container {
  id: string;
  name: string;
  running: boolean;
  /** Where Prometheus finds its metrics. */
  target: string;
  restarts: number;
}

export type ComposeStack = Awaited<ReturnType<typeof defineStack>>;

export function dockerAnswers(): boolean {
  try {
    execFileSync('docker', ['version', '--format', '{{.Server.Version}}'], { stdio: 'ignore', timeout: 10_000 });
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/** Directories of certificates and of API keys; with one, the overlay that needs it is on top. */
export type Overlays = { readonly tlsDir?: string; readonly keysDir?: string };

/** Reserves names and ports only; `scale` starts it, and `remove` is safe whatever happened in between. */
export async function defineStack({ tlsDir, keysDir }: Overlays = {}) {
  const project = `items-test-${randomBytes(4).toString('hex')}`;
  // Not the system's choice: it might give such a port to somebody's connection before the engine listens there.
  const ports = await Ports.reserve();
  const port = await ports.get('nginx');
  const prometheusPort = await ports.get('prometheus');
  const alertmanagerPort = await ports.get('alertmanager');
  const tlsPort = await ports.get('tls');
  const statusPort = await ports.get('status');
  // A range that is hardly anybody's: the networks of a stack that runs beside this one must not overlap.
  const dataNetwork = `10.${randomInt(90, 250)}.${randomInt(1, 250)}`;
  const env = {
    ...process.env,
    PORT: String(port),
    PROMETHEUS_PORT: String(prometheusPort),
    ALERTMANAGER_PORT: String(alertmanagerPort),
    TLS_PORT: String(tlsPort),
    STATUS_PORT: String(statusPort),
    ...(tlsDir === undefined ? {} : { TLS_DIR: tlsDir }),
    ...(keysDir === undefined ? {} : { KEYS_DIR: keysDir }),
    DATA_NETWORK: dataNetwork,
    // Without the line per request, what went wrong can be found in the logs of a failed test.
    LOG_LEVEL: 'warn',
  };
  const docker = async (...args: string[]) =>
    (await run('docker', args, { cwd: root, env, maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
  const files = [
    'docker-compose.yml',
    ...(tlsDir === undefined ? [] : ['docker-compose.tls.yml']),
    ...(keysDir === undefined ? [] : ['docker-compose.keys.yml']),
  ];
  const compose = (...args: string[]) =>
    docker('compose', '--project-name', project, ...files.flatMap((file) => ['--file', file]), ...args);

  // A network with an endpoint of a container that is gone cannot be removed, by nobody and not later: a fault of the
  // engine (moby issue 42119, open), seen once, with 20.10, behind containers that were killed and started again.
  async function onlyNetworksAreLeft(): Promise<boolean> {
    const ours = ['--quiet', '--filter', `label=com.docker.compose.project=${project}`];
    const others = await Promise.all([docker('ps', '--all', ...ours), docker('volume', 'ls', ...ours)]);
    const networks = (await docker('network', 'ls', ...ours)).split('\n');
    const found = JSON.parse(await docker('network', 'inspect', ...networks)) as { Containers: object }[];
    return others.every((ids) => ids === '') && found.every(({ Containers }) => Object.keys(Containers).length === 0);
  }

  async function containers(service: string): Promise<Container[]> {
    const ids = await compose('ps', '--all', '--quiet', service);
    if (ids === '') return [];
    const found = JSON.parse(await docker('inspect', ...ids.split('\n'))) as InspectedContainer[];
    return found.map((container) => ({
      id: container.Id,
      name: container.Name.slice(1),
      running: container.State.Running,
      target: `${container.NetworkSettings.Networks[`${project}_metrics`]?.IPAddress ?? ''}:9464`,
      restarts: container.RestartCount,
    }));
  }

  return {
    project,
    /** The first three numbers of the addresses of Redis nodes (11 to 13) and Sentinels (21 to 23). */
    dataNetwork,
    /** Sends these very bytes to nginx, and returns all that comes back. */
    async outside(request: string): Promise<string> {
      const socket = connect(port, '127.0.0.1');
      socket.write(request);
      return Buffer.concat((await socket.toArray()) as Buffer[]).toString();
    },
    /** All that the engine knows of every container of the stack, the ones that have ended included. */
    async inspect(): Promise<Inspected[]> {
      const ids = (await compose('ps', '--all', '--quiet')).split('\n');
      return JSON.parse(await docker('inspect', ...ids)) as Inspected[];
    },
    url: tlsDir === undefined ? `http://127.0.0.1:${port}` : `https://127.0.0.1:${tlsPort}`,
    plainUrl: `http://127.0.0.1:${port}`,
    /** Where nginx serves the status page. */
    statusUrl: `http://127.0.0.1:${statusPort}`,
    prometheusUrl: `http://127.0.0.1:${prometheusPort}`,
    alertmanagerUrl: `http://127.0.0.1:${alertmanagerPort}`,
    docker,
    compose,
    containers,
    services: async () => (await compose('config', '--services')).split('\n'),
    build: () => compose('build', '--quiet'),
    scale: (instances: number) => compose('up', '--wait', '--scale', `api=${instances}`),
    /** One command to a Redis node or a Sentinel, `host:port`, as the operator. */
    operator: (address: string, ...command: string[]) =>
      compose('run', '--rm', '-T', '--no-deps', 'operator', 'sh', '/ops/redis/cli.sh', address, ...command),
    /** A line of docs/runbook.md as an operator types it, in the directory of the compose file; standard output and error. */
    async shell(line: string): Promise<string> {
      const options = { cwd: root, env: { ...env, COMPOSE_PROJECT_NAME: project }, maxBuffer: 64 * 1024 * 1024 };
      const { stdout, stderr } = await run('sh', ['-c', line], options);
      return stdout + stderr;
    },
    exec: (container: Container, ...command: string[]) => docker('exec', container.id, ...command),
    /** The last lines of each container; of the access log only what went wrong. */
    async logs() {
      const lines = (await compose('logs', '--no-color', '--tail', '5000')).split('\n');
      const kept = Map.groupBy(
        lines.filter((line) => !line.includes('"upstreamStatus"') || line.includes('"status":5')),
        (line) => line.split('|')[0],
      );
      return [...kept.values()].flatMap((ofOne) => ofOne.slice(-100)).join('\n');
    },
    async remove() {
      try {
        await compose('down', '--volumes', '--remove-orphans', '--rmi', 'local', '--timeout', '5');
      } catch (error) {
        if (!(error as Error).message.includes('has active endpoints') || !(await onlyNetworksAreLeft())) throw error;
        console.warn(`the engine keeps an empty network of ${project} until it is restarted`);
      } finally {
        await ports[Symbol.asyncDispose]();
      }
    },
  };
}

type InspectedContainer = Inspected & { RestartCount: number };

export interface Inspected {
  Id: string;
  Name: string;
  State: { Running: boolean; ExitCode: number; StartedAt: string };
  Config: { User: string; Env: string[]; Cmd: string[] | null; Image: string; Healthcheck?: { Test: string[] } };
  HostConfig: {
    ReadonlyRootfs: boolean;
    CapDrop: string[] | null;
    CapAdd: string[] | null;
    SecurityOpt: string[] | null;
    Privileged: boolean;
    PidsLimit: number | null;
    Memory: number;
    NanoCpus: number;
    NetworkMode: string;
  };
  Mounts: { Source: string; Destination: string; RW: boolean }[];
  NetworkSettings: { Networks: Record<string, { IPAddress: string } | undefined> };
}
