// nginx in front of local instances, with the configuration of production.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Launcher } from './launcher.ts';
import { renderNginxConfig } from './nginx-config.ts';
import { Part } from './part.ts';
import type { Ports } from './ports.ts';
import { waitFor } from './wait.ts';

const PRODUCTION = fileURLToPath(new URL('../nginx.conf', import.meta.url));

export type NginxOptions = {
  readonly launcher: Launcher;
  readonly dir: string;
  readonly ports: Ports;
  /** Where it listens; by default a free port. */
  readonly port?: number | undefined;
  /** Ports of the instances. */
  readonly instances: readonly number[];
};

export class Nginx extends Part {
  readonly port: number;
  readonly url: string;
  readonly #config: string;
  // Of these two, the one that answers tells which configuration is in effect.
  #statusPort: number;
  #otherStatusPort: number;

  private constructor(launcher: Launcher, dir: string, port: number, statusPorts: readonly [number, number]) {
    const config = join(dir, 'nginx.conf');
    // As root, nginx would give its workers to a user who may not enter our directory.
    const user = process.getuid?.() === 0 ? 'user root; ' : '';
    const globals = `${user}pid ${dir}/nginx.pid; daemon off;`;
    super({
      launcher,
      command: { name: 'nginx', argv: ['nginx', '-p', `${dir}/`, '-c', config, '-g', globals], env: {}, dir },
      isReady: () => this.#answers(),
      stopGraceMs: 5_000,
    });
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#config = config;
    [this.#statusPort, this.#otherStatusPort] = statusPorts;
  }

  /** Writes the configuration; start() and ready() come next, as with any part. */
  static async create(options: NginxOptions): Promise<Nginx> {
    const { launcher, ports, instances } = options;
    const dir = join(options.dir, 'nginx');
    mkdirSync(dir, { recursive: true });
    const port = options.port ?? (await ports.get('nginx'));
    const statusPorts = [await ports.get('nginx-status'), await ports.get('nginx-status-2')] as const;
    const nginx = new Nginx(launcher, dir, port, statusPorts);
    nginx.#write(instances);
    return nginx;
  }

  /**
   * Has it use other instances from now on, and returns when it does. Requests under way are finished; connections
   * that are idle are closed, which a client that is just about to reuse one sees as a reset.
   */
  async reload(instances: readonly number[]): Promise<void> {
    [this.#statusPort, this.#otherStatusPort] = [this.#otherStatusPort, this.#statusPort];
    this.#write(instances);
    await this.kill('SIGHUP');
    await waitFor(() => this.#answers(), { timeoutMs: 10_000, what: 'nginx did not take its new configuration' });
  }

  #write(instances: readonly number[]): void {
    const ports = { listen: this.port, status: this.#statusPort, instances };
    writeFileSync(this.#config, renderNginxConfig(readFileSync(PRODUCTION, 'utf8'), ports));
  }

  async #answers(): Promise<boolean> {
    const url = `http://127.0.0.1:${this.#statusPort}/nginx_status`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    return answer.status === 200;
  }
}
