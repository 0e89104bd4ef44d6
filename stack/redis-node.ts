// One Redis node or Sentinel, started through the same scripts as in production.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askRedis } from './ask-redis.ts';
import type { Launcher } from './launcher.ts';
import { Part } from './part.ts';

const OPS = fileURLToPath(new URL('../ops/redis/', import.meta.url));
export const MASTER_NAME = 'items';

type NodeOptions = {
  readonly launcher: Launcher;
  readonly name: string;
  readonly port: number;
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
};

/** A Redis node or a Sentinel: a part with an address. */
export class RedisNode extends Part {
  readonly port: number;
  readonly address: string;
  /** Its directory: append-only file and configuration. Deleting it is losing the volume. */
  readonly dir: string;

  private constructor(script: string, options: NodeOptions) {
    const { launcher, name, port, env, args = [] } = options;
    const dir = join(options.dir, name);
    const common = { ANNOUNCE: '127.0.0.1', REDIS_MASTER_NAME: MASTER_NAME };
    super({
      launcher,
      command: { name, argv: ['sh', join(OPS, script), ...args], env: { ...common, ...env }, dir },
      isReady: async () => (await askRedis(port, ['PING'])) === 'PONG',
      // Longer than shutdown-timeout in redis.conf.
      stopGraceMs: 12_000,
    });
    this.port = port;
    this.address = `127.0.0.1:${port}`;
    this.dir = dir;
  }

  /** A data node, which asks the `sentinels` in its environment whom to follow. */
  static data(options: NodeOptions): RedisNode {
    const env = { REDIS_PORT: `${options.port}`, REDIS_BIND: '127.0.0.1', REDIS_DIR: join(options.dir, options.name) };
    return new RedisNode('start-redis.sh', { ...options, env: { ...env, ...options.env } });
  }

  static sentinel(options: NodeOptions): RedisNode {
    const dir = join(options.dir, options.name);
    const env = { SENTINEL_PORT: `${options.port}`, SENTINEL_BIND: '127.0.0.1', SENTINEL_DIR: dir };
    return new RedisNode('start-sentinel.sh', { ...options, env: { ...env, ...options.env } });
  }
}
