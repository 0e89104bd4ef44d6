// Reads and changes the data nodes of a Sentinel set one by one; only the keeper does.
import { Redis } from 'ioredis';
import { leave } from './connect.ts';
import { commonOptions, credentials, type StoreAccess, tlsOptions } from './connection-options.ts';

/** What a node says of itself. */
export type NodeState = {
  /** `host:port` of the master that it follows; null when it is a master itself. */
  readonly follows: string | null;
  readonly priority: number;
  /** Until its append-only file is made anew, a replica that received a full copy has none of it on disk. */
  readonly isRewriting: boolean;
};

/** Connections to every node, opened when a node is first asked. Nodes are `host:port`, as Sentinel writes them. */
export class SetNodes {
  readonly #access: StoreAccess;
  readonly #clients = new Map<string, Redis>();

  constructor(access: StoreAccess) {
    this.#access = access;
  }

  /** Forgets all nodes but these. */
  keepOnly(nodes: ReadonlySet<string>): void {
    for (const [node, client] of this.#clients) {
      if (nodes.has(node)) continue;
      this.#clients.delete(node);
      void leave([client], 0);
    }
  }

  /** The node's word, or null when it gives none: it is down, loading, or of another kind. */
  async read(node: string): Promise<NodeState | null> {
    try {
      const replies = await this.#client(node)
        .pipeline()
        .call('ROLE')
        .call('CONFIG', 'GET', 'replica-priority')
        .call('INFO', 'persistence')
        .exec();
      const [role, priority, persistence] = (replies ?? []).map(([error, reply]) => {
        if (error !== null) throw error;
        return reply;
      });
      const [kind, host, port] = role as [string, string, number];
      if (kind !== 'master' && kind !== 'slave') return null;
      return {
        follows: kind === 'master' ? null : `${host}:${port}`,
        priority: Number((priority as [string, string])[1]),
        isRewriting: /^aof_rewrite_(in_progress|scheduled):1/m.test(String(persistence)),
      };
    } catch {
      return null;
    }
  }

  /** Sets its replica-priority; 0 keeps Sentinel from promoting it. Throws when the node does not do so. */
  async setPriority(node: string, priority: number): Promise<void> {
    await this.#client(node).call('CONFIG', 'SET', 'replica-priority', String(priority));
  }

  /** Makes it a replica of `master`. Throws when the node does not do so. */
  async follow(node: string, master: string): Promise<void> {
    await this.#client(node).call('REPLICAOF', ...hostAndPort(master));
  }

  async close(): Promise<void> {
    await leave([...this.#clients.values()], 100);
  }

  #client(node: string): Redis {
    const known = this.#clients.get(node);
    if (known !== undefined) return known;
    const [host, port] = hostAndPort(node);
    const { tlsCa } = this.#access;
    const client = new Redis({
      ...commonOptions('keeper', 0),
      ...credentials(this.#access),
      ...tlsOptions(tlsCa),
      host,
      port: Number(port),
      connectTimeout: 500,
      // What is known of the set is a second old at most when it is acted upon, so a later answer is no answer.
      commandTimeout: 400,
      // A node that loads its data answers so to each command, and INFO is not worth a round trip.
      enableReadyCheck: false,
      replyMapping: 'legacy',
    });
    // A node that cannot be reached is the Sentinels' to report, and a gauge's.
    client.on('error', () => {});
    this.#clients.set(node, client);
    return client;
  }
}

function hostAndPort(node: string): [host: string, port: string] {
  const colon = node.lastIndexOf(':');
  return [node.slice(0, colon), node.slice(colon + 1)];
}
