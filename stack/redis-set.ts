// A Redis master with replicas, the Sentinels that watch over it and their keeper, on free ports of 127.0.0.1.
import { join } from 'node:path';
import { refusals } from './acl-log.ts';
import { caFileOf } from './certificates.ts';
import { Keeper } from './keeper.ts';
import type { Launcher } from './launcher.ts';
import { LocalLauncher } from './local-launcher.ts';
import type { Part } from './part.ts';
import { Ports } from './ports.ts';
import { MASTER_NAME, RedisNode } from './redis-node.ts';
import { makeSecrets } from './secrets.ts';
import { masterAddress, waitUntilSettled } from './sentinels.ts';
import { supervise } from './supervise.ts';
import { waitFor } from './wait.ts';

export type RedisSetOptions = {
  readonly launcher: Launcher;
  /** Data of the nodes and the Sentinels. A set that is started from the same directory and ports goes on. */
  readonly dir: string;
  /** Where its passwords are, or are put; by default in a folder of `dir`. */
  readonly secrets?: string;
  /** The directory of certificates, see `makeCertificates`: then there is nothing but TLS. */
  readonly tls?: string | undefined;
  /** What every key of the service begins with, as a glob: its user may touch no others. */
  readonly keyPrefix?: string;
  readonly replicas?: number;
  readonly sentinels?: number;
  /** By default one. Without any, replicas are promotable from the start and nobody demotes a former master early. */
  readonly keepers?: number;
  /** Further settings of the keepers. */
  readonly keeperEnv?: Readonly<Record<string, string>>;
  /** Silence after which a node counts as down. Only read when the directory is new. */
  readonly downAfterMs?: number;
  /** Starts again what dies, as a container engine would. Otherwise what was killed stays dead until start(). */
  readonly restart?: boolean;
  /** Further arguments for redis-server, such as `['--maxmemory', '8mb']`. */
  readonly redisArgs?: readonly string[];
  /** The address of each part by its name; by default all are on 127.0.0.1 and differ by port. */
  readonly hostOf?: (name: string) => string;
  /** Where ports are taken from; by default a block of the set's own. */
  readonly ports?: Ports;
  /** Whether to return only once the set has settled, by default true. Saving works earlier, failovers do not. */
  readonly settle?: boolean;
  /** Hears of what is up, in short lines. */
  readonly say?: (line: string) => void;
  readonly signal?: AbortSignal;
};

/** Starts the set. Returns when it has settled, see `RedisSet.settled`; a set that does not come up is stopped. */
export async function startRedisSet(options: RedisSetOptions): Promise<RedisSet> {
  const { launcher, dir, replicas = 2, sentinels = 3, keepers = 1, downAfterMs, redisArgs = [] } = options;
  const { say = () => {}, signal, secrets = join(dir, 'secrets'), tls } = options;
  makeSecrets(secrets);
  await using cleanup = new AsyncDisposableStack();
  const ports = options.ports ?? cleanup.use(await Ports.reserve());
  const redisPorts = await portsFor('redis', replicas + 1, ports);
  const sentinelPorts = await portsFor('sentinel', sentinels, ports);
  const { hostOf = () => '127.0.0.1' } = options;
  const addresses = sentinelPorts.map(([name, port]) => `${hostOf(name)}:${port}`).join(',');
  const env = {
    INITIAL_MASTER: `${hostOf('redis-1')}:${redisPorts[0]?.[1]}`,
    QUORUM: `${Math.floor(sentinels / 2) + 1}`,
    ...(downAfterMs === undefined ? {} : { DOWN_AFTER_MS: `${downAfterMs}` }),
  };
  const nodeEnv = {
    SENTINELS: addresses,
    REPLICA_PRIORITY: keepers === 0 ? '100' : '0',
    REDIS_KEY_PREFIX: options.keyPrefix ?? '',
  };
  const sentinelNodes = sentinelPorts.map(([name, port]) =>
    RedisNode.sentinel({ launcher, dir, secrets, tls, name, port, host: hostOf(name), env }),
  );
  const nodes = redisPorts.map(([name, port]) =>
    RedisNode.data({ launcher, dir, secrets, tls, name, port, host: hostOf(name), env: nodeEnv, args: redisArgs }),
  );
  const keeperLauncher = new LocalLauncher(join(dir, 'logs'));
  const keeperParts = (await portsFor('keeper', keepers, ports)).map(
    ([name, port]) =>
      new Keeper({
        launcher: keeperLauncher,
        name,
        port,
        host: hostOf(name),
        sentinels: addresses,
        masterName: MASTER_NAME,
        secrets,
        env: { ...(tls === undefined ? {} : { REDIS_TLS_CA_FILE: caFileOf(tls) }), ...options.keeperEnv },
      }),
  );
  // Undone backwards: with the Sentinels gone first, there is no failover on the way out.
  cleanup.defer(() => stopAll(nodes));
  cleanup.defer(() => stopAll(sentinelNodes));
  cleanup.defer(() => stopAll(keeperParts));
  const parts = [...sentinelNodes, ...nodes, ...keeperParts];
  for (const part of parts) {
    if (options.restart === true) supervise(part, say);
    await part.start();
  }
  await Promise.all([...sentinelNodes, ...nodes].map((part) => part.ready(60_000, signal)));
  if (options.settle !== false) await waitUntilSettled(nodes, sentinelNodes, 60_000, signal);
  return new RedisSet({ nodes, sentinelNodes, keepers: keeperParts, secrets }, cleanup.move());
}

type SetParts = {
  readonly nodes: readonly RedisNode[];
  readonly sentinelNodes: readonly RedisNode[];
  readonly keepers: readonly Keeper[];
  readonly secrets: string;
};

export class RedisSet implements AsyncDisposable {
  readonly masterName = MASTER_NAME;
  readonly nodes: readonly RedisNode[];
  readonly sentinelNodes: readonly RedisNode[];
  readonly keepers: readonly Keeper[];
  /** The directory of its passwords, see `makeSecrets`. */
  readonly secrets: string;
  readonly #cleanup: AsyncDisposableStack;

  constructor({ nodes, sentinelNodes, keepers, secrets }: SetParts, cleanup: AsyncDisposableStack) {
    this.nodes = nodes;
    this.sentinelNodes = sentinelNodes;
    this.keepers = keepers;
    this.secrets = secrets;
    this.#cleanup = cleanup;
  }

  /** As in REDIS_SENTINELS. */
  get sentinels(): string {
    return this.sentinelNodes.map(({ address }) => address).join(',');
  }

  /** `host:port` of the node that a majority of the Sentinels names; throws when there is none for five seconds. */
  async master(): Promise<string> {
    return (await this.masterNode()).address;
  }

  /** The same as a node, to kill or to pause it. On a busy machine Sentinels that are well may be silent for a moment. */
  async masterNode(timeoutMs = 5_000): Promise<RedisNode> {
    const named = async (): Promise<RedisNode | undefined> => {
      const address = await masterAddress(this.sentinelNodes);
      return this.nodes.find((node) => node.address === address);
    };
    return waitFor(named, { timeoutMs, what: 'No majority of the Sentinels named a master' });
  }

  /**
   * Waits until all Sentinels see one healthy master, all other nodes as healthy replicas of it that could be promoted,
   * and each other, and all data is on every disk.
   */
  async settled(timeoutMs = 60_000, signal?: AbortSignal): Promise<void> {
    await waitUntilSettled(this.nodes, this.sentinelNodes, timeoutMs, signal);
  }

  /** What its nodes and Sentinels have refused to anybody since they started, one line each. */
  refused(): Promise<string[]> {
    return refusals([...this.nodes, ...this.sentinelNodes]);
  }

  /** Stops all of it. Data stays in the directory. */
  async stop(): Promise<void> {
    await this.#cleanup.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

async function stopAll(parts: readonly Part[]): Promise<void> {
  await Promise.all(parts.map((part) => part.stop()));
}

async function portsFor(kind: string, count: number, ports: Ports): Promise<[name: string, port: number][]> {
  const list: [string, number][] = [];
  for (let i = 1; i <= count; i++) list.push([`${kind}-${i}`, await ports.get(`${kind}-${i}`)]);
  return list;
}
