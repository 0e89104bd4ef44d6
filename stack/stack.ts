// The whole system as local processes: Redis with Sentinels, instances of the service, nginx in front of them.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { caFileOf } from './certificates.ts';
import { Instance } from './instance.ts';
import type { Launcher } from './launcher.ts';
import { LocalLauncher } from './local-launcher.ts';
import { Nginx } from './nginx.ts';
import type { Part } from './part.ts';
import { Ports } from './ports.ts';
import { type RedisSet, startRedisSet } from './redis-set.ts';
import { supervise } from './supervise.ts';

export type StackOptions = {
  /** Data, logs and ports. A stack that is started from the same directory goes on with its items. */
  readonly dir: string;
  readonly instances?: number;
  /** Where nginx listens; by default a free port. */
  readonly port?: number;
  readonly downAfterMs?: number;
  /** Starts again what dies. Otherwise what was killed stays dead until start(). */
  readonly restart?: boolean;
  /** Further settings of the instances. */
  readonly env?: Readonly<Record<string, string>>;
  /** By default one; see `RedisSetOptions`. */
  readonly keepers?: number;
  readonly keeperEnv?: Readonly<Record<string, string>>;
  /** What an instance runs, instead of src/main.ts. */
  readonly main?: string;
  readonly redisArgs?: readonly string[];
  /** The address of each part by its name; by default all are on 127.0.0.1 and differ by port. */
  readonly hostOf?: (name: string) => string;
  /** The directory of certificates, see `makeCertificates`: TLS for clients, and among Redis, Sentinels and instances. */
  readonly tls?: string;
  readonly launcher?: Launcher;
  /** Hears of what is up and what died, in short lines. */
  readonly say?: (line: string) => void;
  /** Gives the start up; what was started is stopped. */
  readonly signal?: AbortSignal;
};

/** Starts the stack. Returns when it takes requests; when it does not come up, what was started is stopped. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { dir, signal, say = () => {} } = options;
  mkdirSync(dir, { recursive: true });
  await using cleanup = new AsyncDisposableStack();
  const launcher = options.launcher ?? new LocalLauncher(join(dir, 'logs'));
  const ports = cleanup.use(await Ports.reserve(join(dir, 'ports.json')));
  const redis = cleanup.use(
    await startRedisSet({ ...options, launcher, ports, dir: join(dir, 'redis'), settle: false }),
  );
  say(`Redis is up: a master, ${redis.nodes.length - 1} replicas, ${redis.sentinelNodes.length} Sentinels, a keeper.`);

  const start = async (part: Part): Promise<void> => {
    if (options.restart === true) supervise(part, say);
    await part.start();
    await part.ready(60_000, signal);
  };
  const instances: Instance[] = [];
  cleanup.defer(async () => {
    await Promise.all(instances.map((instance) => instance.stop()));
  });
  const { sentinels, masterName, secrets } = redis;
  const { main, tls } = options;
  const env = { ...(tls === undefined ? {} : { REDIS_TLS_CA_FILE: caFileOf(tls) }), ...options.env };
  for (let i = 1; i <= (options.instances ?? 2); i++) {
    const name = `instance-${i}`;
    const port = await ports.get(name);
    const streamPort = await ports.get(`${name}-streams`);
    instances.push(
      new Instance({
        launcher,
        name,
        port,
        streamPort,
        host: options.hostOf?.(name),
        sentinels,
        masterName,
        secrets,
        env,
        main,
      }),
    );
  }
  await Promise.all(
    instances.map(async (instance) => {
      await start(instance);
      say(`${instance.name} is up, port ${instance.port}.`);
    }),
  );

  const nginx = await Nginx.create({ launcher, dir, ports, port: options.port, tls, instances });
  cleanup.use(nginx);
  await start(nginx);
  say(`nginx is up, ${nginx.url}`);
  await redis.settled(60_000, signal);
  return new Stack({ redis, instances, nginx }, cleanup.move());
}

type Parts = {
  readonly redis: RedisSet;
  readonly instances: Instance[];
  readonly nginx: Nginx;
};

export class Stack implements AsyncDisposable {
  readonly redis: RedisSet;
  readonly instances: readonly Instance[];
  readonly nginx: Nginx;
  readonly #cleanup: AsyncDisposableStack;

  constructor({ redis, instances, nginx }: Parts, cleanup: AsyncDisposableStack) {
    this.redis = redis;
    this.instances = instances;
    this.nginx = nginx;
    this.#cleanup = cleanup;
  }

  /** Of nginx: where clients send their requests. */
  get url(): string {
    return this.nginx.url;
  }

  /** Every process of the stack. */
  get parts(): readonly Part[] {
    return [...this.redis.nodes, ...this.redis.sentinelNodes, ...this.redis.keepers, ...this.instances, this.nginx];
  }

  /** Stops all of it, nginx first and Redis last. Data stays in the directory. */
  async stop(): Promise<void> {
    await this.#cleanup.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
