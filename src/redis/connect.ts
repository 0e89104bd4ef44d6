// Opens connections to Redis, keeps them at the master, and closes them.
import { setTimeout } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import {
  type Address,
  commonOptions,
  credentials,
  type StoreAccess,
  targetOptions,
  tlsOptions,
} from './connection-options.ts';

const REVIVE_AFTER_MS = 100;
// A view may be a second old at most, so an answer that takes longer than this is no answer.
const A_VIEWS_PATIENCE = { commandTimeout: 400 };

const LISTENER_PING_MS = 500;

export type ConnectionName = 'commit' | 'lock' | 'command' | 'read' | 'feed' | 'watch' | 'sentinel' | 'status';

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

/** Opens the connection over which the master is asked for its ROLE, see `SentinelWatch`. */
export function connectToWatch(access: StoreAccess, observer: ConnectionObserver): Redis {
  const options = { ...commonOptions('watch', 0), ...credentials(access), ...targetOptions(access) };
  return observe(new Redis({ ...options, ...A_VIEWS_PATIENCE, replyMapping: 'legacy' }), 'watch', observer);
}

/** Opens two connections to one Sentinel: a connection that subscribed takes no other commands. */
export function connectToSentinel(
  address: Address,
  access: StoreAccess,
  observer: ConnectionObserver,
): { readonly commands: Redis; readonly events: Redis } {
  const options: RedisOptions & { replyMapping: 'legacy' } = {
    ...commonOptions('sentinel', 0),
    ...A_VIEWS_PATIENCE,
    ...tlsOptions(access.tlsCa),
    ...(access.sentinelUsername === undefined ? {} : { username: access.sentinelUsername }),
    ...(access.sentinelPassword === undefined ? {} : { password: access.sentinelPassword }),
    host: address.host,
    port: address.port,
    connectTimeout: 500,
    // Sentinel has no data to load, and its INFO is not worth a round trip.
    enableReadyCheck: false,
    // Who listens subscribes whenever the connection is ready. The library's own attempt has nobody who hears of its
    // failure: at a paused Sentinel it ended the process with an unhandled rejection.
    autoResubscribe: false,
    replyMapping: 'legacy',
  };
  const events = new Redis(options);
  // What fails here fails on the other connection too, which tells.
  events.on('error', () => {});
  keepAsking(events);
  return { commands: observe(new Redis(options), 'sentinel', observer), events };
}

/**
 * Opens a connection to the master for nothing but a channel, to be subscribed to whenever it is ready. Nobody is told how
 * it fares: it is there only while somebody watches the status page, and what fails here fails on the others too.
 */
export function connectToListen(access: StoreAccess): Redis {
  const options = { ...commonOptions('status', 0), ...credentials(access), ...targetOptions(access) };
  // See connectToSentinel.
  const listener = new Redis({ ...options, autoResubscribe: false, replyMapping: 'legacy' });
  keepAsking(listener);
  return observe(listener, 'status', UNOBSERVED);
}

/** Who only listens never notices that the other end is gone; a question makes socketTimeout watch. */
function keepAsking(listener: Redis): void {
  const asking = setInterval(() => {
    if (listener.status === 'ready') listener.ping().catch(() => {});
    else if (leaving.has(listener) && listener.status === 'end') clearInterval(asking);
  }, LISTENER_PING_MS).unref();
}

const UNOBSERVED: ConnectionObserver = { up() {}, down() {}, reconnecting() {}, failed() {} };

/** Clients that are to stay closed. */
const leaving = new WeakSet<Redis>();

/** Says goodbye, so that no reply is cut, and closes for good what does not answer within `graceMs`. */
export async function leave(clients: readonly Redis[], graceMs: number): Promise<void> {
  for (const client of clients) leaving.add(client);
  const goodbyes = clients.map((client) => client.quit().catch(() => {}));
  await Promise.race([Promise.all(goodbyes), setTimeout(graceMs, undefined, { ref: false })]);
  for (const client of clients) client.disconnect();
}

/** Where a connection ends, as `ip:port`; `:0` while it was never made. */
export function peerOf({ stream }: Redis): string {
  const { remoteAddress = '', remotePort = 0 } = (stream ?? {}) as { remoteAddress?: string; remotePort?: number };
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
