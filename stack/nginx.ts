// nginx in front of local instances, with the configuration of production.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Instance } from './instance.ts';
import type { Launcher } from './launcher.ts';
import { renderNginxConfig } from './nginx-config.ts';
import { Part } from './part.ts';
import type { Ports } from './ports.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

export type NginxOptions = {
  readonly launcher: Launcher;
  readonly dir: string;
  readonly ports: Ports;
  /** Where it listens; by default a free port. */
  readonly port?: number | undefined;
  /** The directory of certificates with which it speaks TLS; without one it does not. */
  readonly tls?: string | undefined;
  readonly instances: readonly Pick<Instance, 'host' | 'port' | 'streamPort'>[];
};

type OtherPorts = { readonly status: number; readonly operators: number; readonly plain: number | null };

export class Nginx extends Part {
  readonly port: number;
  readonly url: string;
  /** Where plain HTTP is sent to `url`; only with TLS. */
  readonly plainUrl: string | null;
  /** Where the status page is, past TLS. */
  readonly operatorsUrl: string;

  private constructor(launcher: Launcher, dir: string, port: number, { status, operators, plain }: OtherPorts) {
    // As root, nginx would give its workers to a user who may not enter our directory.
    const user = process.getuid?.() === 0 ? 'user root; ' : '';
    const globals = `${user}pid "${dir}/nginx.pid"; daemon off;`;
    super({
      launcher,
      command: {
        name: 'nginx',
        argv: ['nginx', '-p', `${dir}/`, '-c', join(dir, 'nginx.conf'), '-g', globals],
        env: {},
        dir,
      },
      isReady: async () => {
        const url = `http://127.0.0.1:${status}/nginx_status`;
        return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).status === 200;
      },
      stopGraceMs: 5_000,
    });
    this.port = port;
    this.url = `${plain === null ? 'http' : 'https'}://127.0.0.1:${port}`;
    this.plainUrl = plain === null ? null : `http://127.0.0.1:${plain}`;
    this.operatorsUrl = `http://127.0.0.1:${operators}`;
  }

  /** Writes the configuration; start() and ready() come next, as with any part. */
  static async create({ launcher, ports, instances, ...options }: NginxOptions): Promise<Nginx> {
    const dir = join(options.dir, 'nginx');
    mkdirSync(dir, { recursive: true });
    const listen = options.port ?? (await ports.get('nginx'));
    const status = await ports.get('nginx-status');
    const operators = await ports.get('nginx-operators');
    const plain = options.tls === undefined ? null : await ports.get('nginx-plain');
    const config = renderNginxConfig(read('nginx.conf'), {
      listen,
      status,
      operators,
      instances: instances.map(({ host, port }) => `${host}:${port}`),
      streams: instances.map(({ host, streamPort }) => `${host}:${streamPort}`),
      ...(options.tls === undefined || plain === null
        ? {}
        : {
            tls: {
              dir: options.tls,
              server: read('ops/nginx/tls/server.conf'),
              http: read('ops/nginx/tls/http.conf'),
              plain,
            },
          }),
    });
    writeFileSync(join(dir, 'nginx.conf'), config);
    return new Nginx(launcher, dir, listen, { status, operators, plain });
  }
}
