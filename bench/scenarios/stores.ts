// Without HTTP: our store beside NATS JetStream, which tells duplicates by Nats-Msg-Id.
import { startRedisSet } from '../../stack/redis-set.ts';
import { join } from 'node:path';
import type { Candidate } from '../candidate.ts';
import { compare } from '../compare.ts';
import { startNats } from '../databases.ts';
import { Load } from '../load.ts';
import { NotInstalled } from '../not-installed.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';
import { pidsOf, type Workshop } from '../workshop.ts';

async function ourStore(workshop: Workshop): Promise<Candidate> {
  const { launcher, ports, dir } = workshop;
  const set = workshop.use(await startRedisSet({ launcher, ports, dir: join(dir, 'redis') }));
  const [master, ...replicas] = set.nodes;
  if (master === undefined) throw new Error('the set has no master');
  return {
    name: 'our store, 3 nodes',
    url: '',
    pids: { database: pidsOf([master]), replicas: pidsOf(replicas) },
    load: workshop.use(new Load('peers/our-store.ts', { REDIS_SENTINELS: set.sentinels, SECRETS: set.secrets })),
  };
}

async function nats(workshop: Workshop, servers: 1 | 3): Promise<Candidate> {
  const { url, pids } = await startNats(workshop, servers);
  const env = { NATS_URL: url, NATS_REPLICAS: `${servers}` };
  return {
    name: servers === 1 ? 'JetStream, 1 node' : `JetStream, ${servers} nodes`,
    url,
    pids: { database: pids },
    load: workshop.use(new Load('peers/nats-store.ts', env)),
  };
}

async function start({ workshop, say }: ScenarioContext): Promise<Candidate[]> {
  const candidates = [await ourStore(workshop)];
  try {
    candidates.push(await nats(workshop, 1), await nats(workshop, 3));
  } catch (error) {
    if (!(error instanceof NotInstalled)) throw error;
    say(`Without JetStream: ${error.message}`);
  }
  return candidates;
}

export const stores: Scenario = {
  name: 'stores',
  title: 'Without HTTP: our store beside NATS JetStream',
  about: `64 saves of new contents of 100 bytes are under way at any time, in one process that is the client of the store
(its CPU time is \`load\`). JetStream stores in files, which it flushes to the disk every two minutes; it forgets what it
knew as a duplicate after its window, here two minutes, where our index forgets nothing. \`database\` is the CPU time of
all its servers, and of our master alone; our two replicas stand beside it.`,
  async run(context) {
    const candidates = await start(context);
    const shape = { connections: 64, work: { kind: 'save', contents: 'unique', contentBytes: 100 } } as const;
    return { rows: await compare({ name: '64 at once', shape, candidates }, context.times, context.workshop.load) };
  },
};
