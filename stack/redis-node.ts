// One Redis node or Sentinel, started through the same scripts as in production.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askRedis } from './ask-redis.ts';
import { caOf } from './certificates.ts';
import type { Launcher } from './launcher.ts';
import { Part } from './part.ts';
import { loginAs, type Role, secretsOf } from './secrets.ts';

const OPS = fileURLToPath(new URL('../ops/redis/', import.meta.url));
export const MASTER_NAME = 'items';
const LOOPBACK = '127.0.0.1';

type NodeOptions = {
  readonly launcher: Launcher;
  readonly name: string;
  readonly port: number;
  /** Where it listens, and where it sends from. */
  readonly host?: string | undefined;
  readonly dir: string;
  /** Of the set. */
  readonly secrets: string;
  /** The directory of certificates, when it speaks TLS and nothing else. */
  readonly tls?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
};

/** A Redis node or a Sentinel: a part with an address, at which we are its operator. */
export class RedisNode extends Part {
  readonly host: string;
  readonly port: number;
  readonly address: string;
  readonly username: Role;
  readonly password: string;
  readonly tlsCa: string | undefined;
  /** Its directory: append-only file and configuration. Deleting it is losing the volume. */
  readonly dir: string;

  private constructor(script: string, role: Role, options: NodeOptions) {
    const { launcher, name, port, env, tls, host = LOOPBACK } = options;
    const tlsCa = tls === undefined ? undefined : caOf(tls);
    const login = loginAs(options.secrets, 'operator');
    const secrets = secretsOf(options.secrets, role);
    const dir = join(options.dir, name);
    const common = { ANNOUNCE: host, REDIS_MASTER_NAME: MASTER_NAME, SECRETS: secrets };
    // Otherwise connections to other nodes come from 127.0.0.1, and who is cut off by address would still get through.
    const source = host === LOOPBACK ? [] : ['--bind-source-addr', host];
    super({
      launcher,
      command: {
        name,
        argv: ['sh', join(OPS, script), ...source, ...(options.args ?? [])],
        env: { ...common, ...(tls === undefined ? {} : { TLS: tls }), ...env },
        dir,
        reads: [secrets, ...(tls === undefined ? [] : [tls])],
      },
      isReady: async () => (await askRedis({ host, port, ...login, tlsCa }, ['PING'])) === 'PONG',
      // Longer than shutdown-timeout in redis.conf.
      stopGraceMs: 12_000,
    });
    this.host = host;
    this.port = port;
    this.address = `${host}:${port}`;
    this.username = login.username;
    this.password = login.password;
    this.tlsCa = tlsCa;
    this.dir = dir;
  }

  /** A data node, which asks the `sentinels` in its environment whom to follow. */
  static data(options: NodeOptions): RedisNode {
    const { port, host = LOOPBACK } = options;
    const env = { REDIS_PORT: `${port}`, REDIS_BIND: host, REDIS_DIR: join(options.dir, options.name) };
    return new RedisNode('start-redis.sh', 'replication', { ...options, env: { ...env, ...options.env } });
  }

  static sentinel(options: NodeOptions): RedisNode {
    const dir = join(options.dir, options.name);
    const { port, host = LOOPBACK } = options;
    const env = { SENTINEL_PORT: `${port}`, SENTINEL_BIND: host, SENTINEL_DIR: dir };
    return new RedisNode('start-sentinel.sh', 'sentinel', { ...options, env: { ...env, ...options.env } });
  }
}
