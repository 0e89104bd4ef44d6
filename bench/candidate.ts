// What is measured: something that saves contents, and the processes whose work is counted.
import { join } from 'node:path';
import { askRedis } from '../stack/ask-redis.ts';
import { type Stack, type StackOptions, startStack } from '../stack/stack.ts';
import { startPostgres } from './databases.ts';
import type { Load } from './load.ts';
import { NotInstalled } from './not-installed.ts';
import { pidsOf, type Workshop } from './workshop.ts';

export type Candidate = {
  readonly name: string;
  readonly url: string;
  /** Process ids by what they do. */
  readonly pids: Readonly<Record<string, readonly number[]>>;
  /** Makes its load; by default that for HTTP. */
  readonly load?: Load;
};

/** The service as `npm run up` starts it, with one instance unless told otherwise; `name` tells two of them apart. */
export async function startOurs(
  workshop: Workshop,
  options: Omit<StackOptions, 'dir'> = {},
  name = 'ours',
): Promise<Stack> {
  return workshop.use(await startStack({ dir: join(workshop.dir, name), instances: 1, ...options }));
}

/** The first instance of a stack, past nginx. */
export function instanceOf(stack: Stack, name = 'ours'): Candidate {
  const [instance] = stack.instances;
  const [master, ...replicas] = stack.redis.nodes;
  if (instance === undefined || master === undefined) throw new Error('the stack has no instance or no master');
  return {
    name,
    url: instance.url,
    pids: { api: pidsOf([instance]), database: pidsOf([master]), replicas: pidsOf(replicas) },
  };
}

/** A program of bench/peers that listens on PORT. */
async function startPeer(
  workshop: Workshop,
  program: string,
  { name = program, env = {} }: { readonly name?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Candidate> {
  const port = await workshop.ports.get(name);
  const url = `http://127.0.0.1:${port}`;
  const part = await workshop.start(
    name,
    [process.execPath, join(import.meta.dirname, 'peers', `${program}.ts`)],
    async () => (await fetch(url, { signal: AbortSignal.timeout(1_000) })).status === 404,
    { env: { PORT: `${port}`, ...env } },
  );
  return { name, url, pids: { api: pidsOf([part]) } };
}

/** The usual service over a Redis of its own, which has no replicas. */
async function startUsual(workshop: Workshop, name: string, redisArgs: readonly string[]): Promise<Candidate> {
  const port = await workshop.ports.get(`${name}-redis`);
  const redis = await workshop.start(
    `${name}-redis`,
    ['redis-server', ...redisArgs, '--port', `${port}`, '--bind', '127.0.0.1'],
    async () => (await askRedis({ host: '127.0.0.1', port }, ['PING'])) === 'PONG',
  );
  const peer = await startPeer(workshop, 'usual', { name, env: { REDIS_URL: `redis://127.0.0.1:${port}` } });
  return { ...peer, pids: { ...peer.pids, database: pidsOf([redis]) } };
}

const OUR_REDIS_CONF = join(import.meta.dirname, '../ops/redis/redis.conf');

/** Who can be measured over HTTP, by name. */
export const CANDIDATES: Readonly<Record<string, (workshop: Workshop) => Promise<Candidate>>> = {
  async ours(workshop) {
    const env = process.env['OURS_ENV'];
    return instanceOf(
      await startOurs(workshop, env === undefined ? {} : { env: JSON.parse(env) as Record<string, string> }),
    );
  },
  empty: (workshop) => startPeer(workshop, 'empty'),
  'http-only': (workshop) => startPeer(workshop, 'http-only'),
  'http-only, no log': (workshop) =>
    startPeer(workshop, 'http-only', { name: 'http-only-no-log', env: { LOG_LEVEL: 'warn' } }),
  /** Its Redis keeps an append-only file as Redis does when it is turned on: flushed to the disk every second. */
  usual: (workshop) => startUsual(workshop, 'usual', ['--save', '', '--appendonly', 'yes']),
  /** The same over a Redis with the settings of ours. */
  'usual, our redis.conf': (workshop) => startUsual(workshop, 'usual-conf', [OUR_REDIS_CONF]),
  async postgres(workshop) {
    const database = await startPostgres(workshop);
    const peer = await startPeer(workshop, 'postgres', { env: { POSTGRES_URL: database.url } });
    return { ...peer, pids: { ...peer.pids, database: database.pids } };
  },
};

/** Starts those of `names`; says which cannot be, and goes on without them. */
export async function startCandidates(
  workshop: Workshop,
  names: readonly string[],
  say: (line: string) => void,
): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const name of names) {
    const start = CANDIDATES[name];
    if (start === undefined) throw new Error(`There is no "${name}"; there are ${Object.keys(CANDIDATES).join(', ')}.`);
    try {
      candidates.push({ ...(await start(workshop)), name });
    } catch (error) {
      if (!(error instanceof NotInstalled)) throw error;
      say(`Without ${name}: ${error.message}`);
    }
  }
  return candidates;
}
