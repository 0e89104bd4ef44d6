// nginx in front of local instances, with the configuration of production.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Instance } from './instance.ts';
import type { Launcher } from './launcher.ts';
import { renderNginxConfig } from './nginx-config.ts';
import { Part } from './part.ts';
import type { Ports } from './ports.ts';

const PRODUCTION = fileURLToPath(new URL('../nginx.conf', import.meta.url));

export type NginxOptions = {
  readonly launcher: Launcher;
  readonly dir: string;
  readonly ports: Ports;
  /** Where it listens; by default a free port. */
  readonly port?: number | undefined;
  readonly instances: readonly Pick<Instance, 'host' | 'port' | 'streamPort'>[];
};

export class Nginx extends Part {
  readonly port: number;
  readonly url: string;

  private constructor(launcher: Launcher, dir: string, port: number, statusPort: number) {
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
        const url = `http://127.0.0.1:${statusPort}/nginx_status`;
        return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).status === 200;
      },
      stopGraceMs: 5_000,
    });
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Writes the configuration; start() and ready() come next, as with any part. */
  static async create({ launcher, ports, instances, ...options }: NginxOptions): Promise<Nginx> {
    const dir = join(options.dir, 'nginx');
    mkdirSync(dir, { recursive: true });
    const listen = options.port ?? (await ports.get('nginx'));
    const status = await ports.get('nginx-status');
    const config = renderNginxConfig(readFileSync(PRODUCTION, 'utf8'), {
      listen,
      status,
      instances: instances.map(({ host, port }) => `${host}:${port}`),
      streams: instances.map(({ host, streamPort }) => `${host}:${streamPort}`),
    });
    writeFileSync(join(dir, 'nginx.conf'), config);
    return new Nginx(launcher, dir, listen, status);
  }
}
