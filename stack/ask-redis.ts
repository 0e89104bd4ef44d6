// One command to one Redis node or Sentinel, on a connection of its own.
import { Redis } from 'ioredis';

/** Where a node or a Sentinel listens, and as whom it is asked. */
export type RedisAddress = {
  readonly host: string;
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM of whom its certificate must be from; without one it is asked without TLS. */
  readonly tlsCa?: string | undefined;
};

/** What a client of that node is made with. */
export function clientOptions({ host, port, username, password, tlsCa }: RedisAddress) {
  return {
    host,
    port,
    ...(username === undefined || password === undefined ? {} : { username, password }),
    ...(tlsCa === undefined ? {} : { tls: { ca: tlsCa } }),
  };
}

/**
 * Sends the command and returns the reply; throws when there is none within `timeoutMs`. Most who ask do it once, so the
 * default is more than a busy machine takes; who asks again and again, and may ask the silent, should say less.
 */
export async function askRedis(
  address: RedisAddress,
  [command, ...args]: [string, ...string[]],
  timeoutMs = 5_000,
): Promise<unknown> {
  const client = new Redis({
    ...clientOptions(address),
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
  });
  // Without a listener it prints every error; the command below fails with the same one.
  client.on('error', () => {});
  try {
    await client.connect();
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

/** Makes an object of a reply that lists names and values in turn. */
export function fields(reply: unknown): Record<string, string> {
  const list = reply as string[];
  const object: Record<string, string> = {};
  for (let i = 0; i + 1 < list.length; i += 2) object[list[i] as string] = list[i + 1] as string;
  return object;
}
