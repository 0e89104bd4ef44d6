// One keeper: src/keeper/main.ts as a process of its own, as in production.
import { fileURLToPath } from 'node:url';
import type { Launcher } from './launcher.ts';
import { Part } from './part.ts';
import { loginSettings } from './secrets.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export type KeeperOptions = {
  readonly launcher: Launcher;
  readonly name: string;
  readonly port: number;
  readonly host: string;
  /** As in REDIS_SENTINELS. */
  readonly sentinels: string;
  readonly masterName: string;
  /** Of the set. */
  readonly secrets: string;
  /** Further settings of the keeper. */
  readonly env?: Readonly<Record<string, string>> | undefined;
};

export class Keeper extends Part {
  readonly host: string;
  readonly port: number;
  /** Where its health and metrics are. */
  readonly url: string;

  constructor({ launcher, name, port, host, sentinels, masterName, secrets, env }: KeeperOptions) {
    const url = `http://${host}:${port}`;
    super({
      launcher,
      command: {
        name,
        // The very Node that runs the stack, whatever PATH says.
        argv: [process.execPath, 'src/keeper/main.ts'],
        env: {
          HOST: host,
          PORT: `${port}`,
          REDIS_SENTINELS: sentinels,
          REDIS_MASTER_NAME: masterName,
          ...loginSettings(secrets, 'keeper'),
          ...env,
        },
        dir: ROOT,
      },
      isReady: async () => (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) })).status === 200,
      stopGraceMs: 5_000,
    });
    this.host = host;
    this.port = port;
    this.url = url;
  }
}
