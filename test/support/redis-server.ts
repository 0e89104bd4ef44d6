// One Redis without replicas, as a local process on a free port, for tests that stop it or pause it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ports } from '../../stack/ports.ts';

export class RedisServer implements AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly #ports: Ports;
  readonly #dir: string;
  #process: ChildProcess | undefined;

  private constructor(port: number, ports: Ports, dir: string) {
    this.url = `redis://127.0.0.1:${port}`;
    this.port = port;
    this.#ports = ports;
    this.#dir = dir;
  }

  /** Keeps a port for it; it does not run before `start`. */
  static async reserve(): Promise<RedisServer> {
    const ports = await Ports.reserve();
    return new RedisServer(await ports.get('redis'), ports, await mkdtemp(join(tmpdir(), 'items-redis-')));
  }

  static async started(): Promise<RedisServer> {
    const server = await RedisServer.reserve();
    server.start();
    return server;
  }

  /** With TLS and nothing else when `tls`, the directory of certificates, is given. */
  start(tls?: string): void {
    const listen =
      tls === undefined
        ? { port: this.port }
        : {
            port: 0,
            'tls-port': this.port,
            'tls-auth-clients': 'no',
            'tls-ca-cert-file': join(tls, 'ca.crt'),
            'tls-cert-file': join(tls, 'redis.crt'),
            'tls-key-file': join(tls, 'redis.key'),
          };
    const options = { ...listen, bind: '127.0.0.1', dir: this.#dir, save: '', appendonly: 'no' };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#process = spawn('redis-server', args, { stdio: 'ignore' });
  }

  /** It goes on existing and accepts connections, but answers nobody. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== undefined && this.#process.exitCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exited;
    }
    await rm(this.#dir, { recursive: true, force: true });
    await this.#ports[Symbol.asyncDispose]();
  }
}
