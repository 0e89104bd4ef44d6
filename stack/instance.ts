// One API instance: src/main.ts as a process of its own, started as in production.
import { fileURLToPath } from 'node:url';
import type { Launcher } from './launcher.ts';
import { Part } from './part.ts';
import { loginSettings } from './secrets.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export type InstanceOptions = {
  readonly launcher: Launcher;
  readonly name: string;
  readonly port: number;
  /** Where nginx passes streams to. */
  readonly streamPort: number;
  /** Where it listens. */
  readonly host?: string | undefined;
  /** As in REDIS_SENTINELS. */
  readonly sentinels: string;
  readonly masterName: string;
  /** Of the set. */
  readonly secrets: string;
  /** Further settings of the service; they win over those made here. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What is run; another program with the same settings can stand in for the service. */
  readonly main?: string | undefined;
};

export class Instance extends Part {
  readonly host: string;
  readonly port: number;
  readonly streamPort: number;
  /** Its own address, past nginx. */
  readonly url: string;

  constructor({ launcher, name, port, streamPort, sentinels, masterName, env, ...options }: InstanceOptions) {
    const { host = '127.0.0.1', main = 'src/main.ts', secrets } = options;
    const url = `http://${host}:${port}`;
    super({
      launcher,
      command: {
        name,
        // The very Node that runs the stack, whatever PATH says.
        argv: [process.execPath, '--max-semi-space-size=8', '--heap-growing-percent=100', main],
        env: {
          HOST: host,
          PORT: `${port}`,
          STREAM_PORT: `${streamPort}`,
          REDIS_SENTINELS: sentinels,
          REDIS_MASTER_NAME: masterName,
          ...loginSettings(secrets, 'service'),
          TRUST_PROXY: 'loopback',
          // In network namespaces and containers it is not on a loopback address.
          AUTH: env?.['API_KEYS_FILE'] === undefined ? 'off' : '',
          ...env,
        },
        dir: ROOT,
      },
      isReady: async () => (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) })).status === 200,
      // Longer than SHUTDOWN_GRACE_MS, within which it ends by itself.
      stopGraceMs: 20_000,
    });
    this.host = host;
    this.port = port;
    this.streamPort = streamPort;
    this.url = url;
  }
}
