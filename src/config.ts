// The settings: one schema holds defaults, types, units and documentation, and refuses what cannot work.
import { z } from 'zod';
import { findContradiction, findMisspelled, findUnsupported, isCertificates } from './config-checks.ts';

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));

const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, 'must be host:port')
  .transform((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
  })
  .refine(({ port }) => port >= 1 && port <= 65_535, 'must have a port from 1 to 65535');

const list = <T extends z.ZodType<unknown, string>>(entry: T) =>
  z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(entry).min(1).max(64));

const ORIGINS = 'must be * or up to 64 origins as browsers send them (https://app.example, no path, no / at the end)';
const origin = z.string().refine((text) => /^https?:/.test(text) && URL.parse(text)?.origin === text, ORIGINS);

const redisUrl = z
  .url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL', abort: true })
  .refine(isOneNode, 'must have the form redis://user:password@host:port/database, encoded like any URL');

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

// Every value arrives as text. The description of each entry is its documentation: the README's table is made of it.
export const settingsSchema = z.object({
  HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  PORT: integer(0, 65_535).prefault('3000').describe('Port to listen on; 0 takes a free one.'),
  METRICS_PORT: integer(0, 65_535)
    .optional()
    .describe(
      'Port of its own for /metrics, /status, /livez and /readyz. Unset: /metrics is on PORT, and no /status where API keys are asked for.',
    ),
  STREAM_PORT: integer(0, 65_535)
    .optional()
    .describe('Port of its own for streams over HTTP/2 without TLS, as nginx must pass them on. Unset: none.'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severe level that is logged.'),
  REDIS_URL: redisUrl.optional().describe('One Redis node, redis:// or rediss://. Either this or REDIS_SENTINELS.'),
  REDIS_SENTINELS: list(address).optional().describe('All Sentinels, host:port,host:port,…'),
  REDIS_MASTER_NAME: z.string().min(1).max(100).default('items').describe('What the Sentinels call the set.'),
  REDIS_KEY_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9:._-]{0,64}$/, 'must be up to 64 letters, digits or : . _ -')
    .default('')
    .describe('Put before every key, for several services in one Redis.'),
  REDIS_USERNAME: z.string().min(1).optional().describe('ACL user of Redis.'),
  REDIS_PASSWORD: z.string().min(1).optional().describe('Password of Redis.'),
  SENTINEL_USERNAME: z.string().min(1).optional().describe('ACL user of the Sentinels.'),
  SENTINEL_PASSWORD: z.string().min(1).optional().describe('Password of the Sentinels.'),
  REDIS_TLS_CA: z
    .string()
    .refine(isCertificates, 'must be one or more certificates in PEM, and nothing that is broken')
    .optional()
    .describe('PEM of the CA of Redis and Sentinel; turns TLS on.'),
  ACKS: z
    .union([z.literal('all'), integer(0, 16)], { error: 'must be "all" or a number from 0 to 16' })
    .optional()
    .describe(
      'Replicas that must have a save before it is acknowledged. Unset: all (every replica that Sentinel could promote), or 0 with REDIS_URL.',
    ),
  ACK_TIMEOUT_MS: integer(50, 60_000).prefault('1000').describe('How long one attempt waits for the replicas.'),
  LOCK_TTL_MS: integer(100, 600_000).prefault('10000').describe('After this a content lock expires by itself.'),
  LOCK_WAIT_MS: integer(0, 60_000)
    .prefault('2000')
    .describe('How long a content that another instance is saving is waited for.'),
  SAVE_DEADLINE_MS: integer(100, 300_000).prefault('12000').describe('After this a save or a read is answered 503.'),
  MAX_PENDING_SAVES: integer(1, 1_000_000).prefault('10000').describe('Saves that may wait; one more is answered 503.'),
  MAX_FEED_CONSUMERS: integer(0, 10_000)
    .prefault('100')
    .describe('Consumers of the feed at one instance; one more is answered 503.'),
  AUDIT_LOG: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File to which a line is added for each save, erasure and refused key: who, which content, what came of it. Unset: none.',
    ),
  RATE_LIMIT_PER_SECOND: integer(1, 1_000_000)
    .optional()
    .describe(
      'Requests, and items of batches and streams, that one client may send to an instance in a second: the client of the API key, else the address. Unset: any number.',
    ),
  RATE_LIMIT_BURST: integer(1, 10_000_000)
    .optional()
    .describe('How many of them at once. Unset: as many as in two seconds.'),
  MAX_REQUESTS_PER_CLIENT: integer(1, 100_000)
    .optional()
    .describe(
      'Requests of one client that an instance works on at a time; one more is answered 429. Unset: any number.',
    ),
  PARTITIONS: integer(1, 256).prefault('16').describe('Logs that the items are spread over. Fixed once data exists.'),
  INDEX_BUCKETS: integer(1, 65_536)
    .prefault('2048')
    .describe('Index hashes of each partition. Fixed once data exists.'),
  TRUST_PROXY: list(z.string().min(1).max(64))
    .optional()
    .describe('Proxies whose X-Forwarded-* and X-Attempt-Id count: addresses, CIDR ranges, loopback, private.'),
  CORS_ORIGINS: z
    .string()
    .transform((text) => (text === '*' ? text : text.split(',').map((part) => part.trim())))
    .pipe(z.union([z.literal('*'), z.array(origin).min(1).max(64)], ORIGINS))
    .optional()
    .describe('Origins whose scripts may use the service from a browser, or `*`. Unset: none.'),
  ALLOWED_HOSTS: list(
    z.string().regex(/^(\*|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)$/, 'must be host names without a port, or *'),
  )
    .transform((names) => names.map((name) => name.toLowerCase()))
    .optional()
    .describe(
      'Names under which what needs no API key is served, or `*` for any. Unset: addresses, and names that nobody can register (without a dot, `.local`, `.internal`, `.test`, `.svc`); these always are.',
    ),
  API_KEYS_FILE: z
    .string()
    .min(1)
    .optional()
    .describe('File of API keys, see `npm run key`; read again when it changes. Unset: nobody is asked for one.'),
  AUTH: z
    .enum(['off'])
    .optional()
    .describe('`off`: take requests without API keys on an address that others can reach.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .optional()
    .describe('Collector that traces are sent to, OTLP over HTTP, without the path. Unset: nothing is traced.'),
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS, `must be one of ${SAMPLERS.join(', ')}`)
    .default('parentbased_always_on')
    .describe('Which requests are traced, by the names of OpenTelemetry; `parentbased_…` does as the caller does.'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'must be a number from 0 to 1')
    .transform(Number)
    .prefault('1')
    .describe('The part of them that `…traceidratio` traces, from 0 to 1.'),
  OTEL_SERVICE_NAME: z.string().min(1).max(100).default('item-integration').describe('What traces call the service.'),
  SHUTDOWN_GRACE_MS: integer(100, 600_000).prefault('15000').describe('Longest time that a shutdown may take.'),
});

/** The names of settings that hold secrets; each may also be given as `<NAME>_FILE`, the path of a file with the value. */
export const SECRET_SETTINGS = ['REDIS_PASSWORD', 'SENTINEL_PASSWORD', 'REDIS_URL', 'REDIS_TLS_CA'] as const;

type Settings = z.output<typeof settingsSchema>;
/** The settings of a process, checked and frozen. */
export type Config = Readonly<Omit<Settings, 'ACKS'> & { ACKS: 'all' | number }>;

/** Says in one line which settings are wrong. Never holds the value of a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings from an environment. An empty value counts as unset. Throws `ConfigError` for a value out of range,
 * for two that contradict each other, and for a name that looks like a misspelled setting.
 */
export function loadConfig(env: Environment, readFile: (path: string) => string): Config {
  const unsupported = findUnsupported(env);
  if (unsupported !== null) throw new ConfigError(unsupported);
  const settings = readSettings(settingsSchema, env, readFile);
  const ACKS = settings.ACKS ?? (settings.REDIS_SENTINELS === undefined ? 0 : 'all');
  const config = Object.freeze({ ...settings, ACKS });
  const contradiction = findContradiction(config);
  if (contradiction !== null) throw new ConfigError(contradiction);
  return config;
}

/** Reads the settings of one schema from an environment; see `loadConfig`. */
export function readSettings<S extends z.ZodObject>(
  schema: S,
  env: Environment,
  readFile: (path: string) => string,
): z.output<S> {
  const names = Object.keys(schema.shape);
  const secrets = SECRET_SETTINGS.filter((name) => names.includes(name));
  const given: Record<string, string> = {};
  for (const name of names) if (env[name]) given[name] = env[name];
  for (const name of secrets) {
    const path = env[`${name}_FILE`];
    if (!path) continue;
    if (given[name] !== undefined) throw new ConfigError(`${name} and ${name}_FILE are both set: set one of them`);
    given[name] = readSecret(name, path, readFile);
  }
  const misspelled = findMisspelled(Object.keys(env), [...names, ...secrets.map((name) => `${name}_FILE`)]);
  if (misspelled !== null) throw new ConfigError(misspelled);
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(parsed.error.issues.map(({ path, message }) => `${path[0]?.toString()} ${message}`).join('; '));
}

function isOneNode(text: string): boolean {
  const { hostname, pathname, username, password } = new URL(text);
  try {
    decodeURIComponent(username + password);
  } catch {
    return false;
  }
  return hostname !== '' && /^(\/\d{0,5})?$/.test(pathname);
}

function readSecret(name: string, path: string, readFile: (path: string) => string): string {
  try {
    // Editors and `echo` end files with a line feed that is not part of the secret.
    return readFile(path).replace(/\r?\n$/, '');
  } catch (error) {
    throw new ConfigError(`${name}_FILE cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`);
  }
}
