// Opens connections to Redis, with every setting whose default would lose data or hang, and why it is what it is.
import { setTimeout } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';

const REVIVE_AFTER_MS = 100;

export type Address = { readonly host: string; readonly port: number };

/** Where the data lives: one node, or the master that a set of Sentinels names. */
export type StoreTarget =
  | { readonly kind: 'standalone'; readonly url: string }
  | { readonly kind: 'sentinel'; readonly sentinels: readonly Address[]; readonly masterName: string };

export type StoreAccess = {
  readonly target: StoreTarget;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** PEM of the authority that signed the certificates of Redis and Sentinel; TLS is used when it is set. */
  readonly tlsCa?: string | undefined;
};

export type ConnectionName = 'commit' | 'lock' | 'command' | 'sentinel';

/** Who wants to know how a connection fares; called on changes only, never for each failed attempt. */
export type ConnectionObserver = {
  up(connection: ConnectionName): void;
  down(connection: ConnectionName): void;
  reconnecting(connection: ConnectionName): void;
  /** The first error after the connection was last up. */
  failed(connection: ConnectionName, error: Error): void;
};

/**
 * Opens a connection for `name` that keeps itself connected to the master. A command fails at once while it is not
 * connected, and is never sent twice. `silenceMs` is the longest that a healthy server can take over one command.
 */
export function connect(
  name: ConnectionName,
  access: StoreAccess,
  silenceMs: number,
  observer: ConnectionObserver,
): Redis {
  const options = { ...commonOptions(name, silenceMs), ...credentials(access), ...targetOptions(access) };
  return observe(new Redis({ ...options, replyMapping: 'legacy' }), name, observer);
}

/** Opens two connections to one Sentinel: a connection that subscribed takes no other commands. */
export function connectToSentinel(
  address: Address,
  access: StoreAccess,
  observer: ConnectionObserver,
): { readonly commands: Redis; readonly events: Redis } {
  const options: RedisOptions & { replyMapping: 'legacy' } = {
    ...commonOptions('sentinel', 0),
    // A view may be a second old at most, so an answer that takes longer than this is no answer.
    commandTimeout: 400,
    ...(access.tlsCa === undefined ? {} : { tls: { ca: access.tlsCa } }),
    ...(access.sentinelPassword === undefined ? {} : { password: access.sentinelPassword }),
    host: address.host,
    port: address.port,
    connectTimeout: 500,
    // Sentinel has no data to load, and its INFO is not worth a round trip.
    enableReadyCheck: false,
    replyMapping: 'legacy',
  };
  const events = new Redis(options);
  // What fails here fails on the other connection too, which tells.
  events.on('error', () => {});
  return { commands: observe(new Redis(options), 'sentinel', observer), events };
}

function commonOptions(name: ConnectionName, silenceMs: number): RedisOptions {
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

function targetOptions({ target, sentinelPassword, tlsCa }: StoreAccess): RedisOptions {
  if (target.kind === 'standalone') {
    const url = new URL(target.url);
    const db = url.pathname.slice(1);
    return {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || 6379),
      ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
      ...(db === '' ? {} : { db: Number(db) }),
      ...(tlsCa === undefined ? (url.protocol === 'rediss:' ? { tls: {} } : {}) : { tls: { ca: tlsCa } }),
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
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tlsCa === undefined ? {} : { tls: { ca: tlsCa }, sentinelTLS: { ca: tlsCa }, enableTLSForSentinelMode: true }),
  };
}

function credentials({ username, password }: StoreAccess): RedisOptions {
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}

/** Clients that are to stay closed. */
const leaving = new WeakSet<Redis>();

/** Says goodbye, so that no reply is cut, and closes for good what does not answer within `graceMs`. */
export async function leave(clients: readonly Redis[], graceMs: number): Promise<void> {
  for (const client of clients) leaving.add(client);
  const goodbyes = clients.map((client) => client.quit().catch(() => {}));
  await Promise.race([Promise.all(goodbyes), setTimeout(graceMs, undefined, { ref: false })]);
  for (const client of clients) client.disconnect();
}

/** Where a connection ends, as `ip:port`. */
export function peerOf({ stream }: Redis): string {
  const { remoteAddress = '', remotePort = 0 } = stream as { remoteAddress?: string; remotePort?: number };
  return `${remoteAddress.replace(/^::ffff:/, '')}:${remotePort}`;
}

/** Leaves whatever server it is connected to and connects anew; does nothing to a client that is connecting already. */
export function reconnect(client: Redis): void {
  if (client.status === 'ready' || client.status === 'connect') client.disconnect(true);
}

function observe(client: Redis, name: ConnectionName, observer: ConnectionObserver): Redis {
  let isUp = false;
  let isToldOf = false;
  client.on('ready', () => {
    isUp = true;
    isToldOf = false;
    observer.up(name);
  });
  client.on('close', () => {
    // Also emitted by attempts that never got through.
    if (isUp) observer.down(name);
    isUp = false;
  });
  client.on('reconnecting', () => observer.reconnecting(name));
  client.on('end', () => {
    // The library gives up for good when it is told to disconnect while it looks for the master. We never do.
    if (!leaving.has(client)) void setTimeout(REVIVE_AFTER_MS).then(() => revive(client));
  });
  client.on('error', (error: Error) => {
    if (!isToldOf) observer.failed(name, error);
    isToldOf = true;
  });
  return client;
}

async function revive(client: Redis): Promise<void> {
  if (client.status === 'end' && !leaving.has(client)) await client.connect().catch(() => {});
}
