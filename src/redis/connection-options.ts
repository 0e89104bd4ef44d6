// Every setting of the Redis client whose default would lose data or hang, and why it is what it is.
import type { RedisOptions } from 'ioredis';
import type { ConnectionName } from './connect.ts';
import { TlsConnector, TlsSentinelConnector } from './tls-connectors.ts';

export type Address = { readonly host: string; readonly port: number };

/** Where the data lives: one node, or the master that a set of Sentinels names. */
export type StoreTarget =
  | { readonly kind: 'standalone'; readonly url: string }
  | { readonly kind: 'sentinel'; readonly sentinels: readonly Address[]; readonly masterName: string };

export type StoreAccess = {
  readonly target: StoreTarget;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** PEM of the authority that signed the certificates of Redis and Sentinel; TLS is used when it is set. */
  readonly tlsCa?: string | undefined;
};

/** What every connection has. `silenceMs` is the longest that a healthy server can take over one command. */
export function commonOptions(name: ConnectionName | 'keeper', silenceMs: number): RedisOptions {
  return {
    connectionName: `items-${name}`,
    // Nothing of RESP3 is used, and RESP2 needs no HELLO in the ACL.
    protocol: 2,
    // A command that waits for a reconnect runs later: after its lock expired and its client was answered.
    enableOfflineQueue: false,
    // A command whose reply was lost may have run. Sent again by the client library it runs twice, and a WAIT sent again
    // on the new connection confirms a write that the new master never saw. We decide what is repeated.
    autoResendUnfulfilledCommands: false,
    // Together with the line above: rejects what is in flight at once when the connection closes, instead of never.
    maxRetriesPerRequest: 0,
    // Would separate a script from the WAIT behind it.
    enableAutoPipelining: false,
    // A paused server still acknowledges TCP, so only silence tells. The socket goes first, because commandTimeout
    // alone gives the command up and keeps the dead socket for the next one.
    socketTimeout: silenceMs + 1_000,
    commandTimeout: silenceMs + 1_500,
    connectTimeout: 1_000,
    keepAlive: 5_000,
    // The default grows to 5 s, longer than a failover takes.
    retryStrategy: () => 100 + Math.random() * 150,
    // Returns 1 and not 2: with 2 a single command of a pipeline is sent again, away from its WAIT.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
    // Checks the role too: a node that is no longer master is not connected to. Needs INFO allowed by the ACL.
    enableReadyCheck: true,
  };
}

/** Where a connection goes. */
export function targetOptions({ target, sentinelUsername, sentinelPassword, tlsCa }: StoreAccess): RedisOptions {
  if (target.kind === 'standalone') {
    const url = new URL(target.url);
    const db = url.pathname.slice(1);
    return {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || 6379),
      ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
      ...(db === '' ? {} : { db: Number(db) }),
      ...(url.protocol === 'rediss:' ? { tls: {}, Connector: TlsConnector } : {}),
      ...tlsOptions(tlsCa),
    };
  }
  return {
    sentinels: target.sentinels.map(({ host, port }) => ({ host, port })),
    name: target.masterName,
    role: 'master',
    // Without it a paused first Sentinel holds up every connect for ever (over 25 s measured).
    sentinelCommandTimeout: 500,
    sentinelRetryStrategy: (attempt) => Math.min(50 * attempt, 500),
    // Off: store.ts leaves a former master by what the Sentinels say. This one ends the client for good, without another
    // attempt, when +switch-master arrives while it asks a Sentinel for the master (ioredis 6.0.0; 1 failover in 6).
    failoverDetector: false,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tlsCa === undefined
      ? {}
      : {
          tls: { ca: tlsCa },
          sentinelTLS: { ca: tlsCa },
          enableTLSForSentinelMode: true,
          Connector: TlsSentinelConnector,
        }),
  };
}

/** How one node is connected to: with TLS when there is an authority. */
export function tlsOptions(tlsCa: string | undefined): RedisOptions {
  return tlsCa === undefined ? {} : { tls: { ca: tlsCa }, Connector: TlsConnector };
}

/** As whom. */
export function credentials({ username, password }: StoreAccess): RedisOptions {
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}
