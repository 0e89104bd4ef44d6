// What a save takes in bytes: memory, disk, replication, network.
import { Redis } from 'ioredis';
import { loginAs } from '../../stack/secrets.ts';
import { openBenchStore } from '../bench-store.ts';
import { instanceOf, startOurs } from '../candidate.ts';
import { compare } from '../compare.ts';
import { fill, FILLED_BYTES } from '../fill.ts';
import type { Scenario } from '../scenario.ts';

/** Twelve entries in each bucket at the default settings. */
const FILLED = 400_000;
const FILL_STEP = 50_000;

const FIELDS = {
  received: 'total_net_input_bytes',
  sent: 'total_net_output_bytes',
  replicated: 'master_repl_offset',
  file: 'aof_current_size',
} as const;

type Counters = Readonly<Record<keyof typeof FIELDS | 'memory', number>>;

async function countersOf(redis: Redis): Promise<Counters> {
  const info = await redis.info();
  const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? Number.NaN);
  const buffers = field('mem_total_replication_buffers') + field('mem_clients_normal') + field('mem_clients_slaves');
  const counters = Object.entries(FIELDS).map(([name, wanted]) => [name, field(wanted)] as const);
  return {
    ...(Object.fromEntries(counters) as Record<keyof typeof FIELDS, number>),
    memory: field('used_memory') - buffers,
  };
}

export const bytes: Scenario = {
  name: 'bytes',
  title: 'What a save takes in bytes',
  about: `From the counters of the Redis master: the store is filled with ${FILLED.toLocaleString('en')} contents of ${FILLED_BYTES}
bytes (memory, without the buffers of replicas and clients), and then 64 connections post new ones to an instance (everything
else). The append-only file is measured as it grows; a rewrite makes it smaller. Received is what the instance sends to the
master; sent is what the master sends to the instance and to both replicas; both with
the pings of replicas, Sentinels and keeper, which weigh more the slower the machine is.`,
  async run({ workshop, times, quick, say }) {
    const stack = await startOurs(workshop, { redisArgs: ['--auto-aof-rewrite-percentage', '0'] });
    const [master] = stack.redis.nodes;
    if (master === undefined) throw new Error('the stack has no master');
    const { host, port } = master;
    const redis = new Redis({ host, port, maxRetriesPerRequest: 0, ...loginAs(stack.redis.secrets, 'operator') });
    const store = await openBenchStore(stack.redis);
    try {
      const empty = await countersOf(redis);
      const filled = quick ? FILL_STEP : FILLED;
      for (let from = 0; from < filled; from += FILL_STEP) await fill(store, from, from + FILL_STEP);
      say(`${filled.toLocaleString('en')} items`);
      const before = await countersOf(redis);
      const { stored: atStart } = await store.items.counts();
      const shape = {
        connections: 64,
        work: { kind: 'save', contents: 'unique', contentBytes: FILLED_BYTES },
      } as const;
      await compare({ name: '64 connections', shape, candidates: [instanceOf(stack)] }, times, workshop.load);
      const after = await countersOf(redis);
      const saves = (await store.items.counts()).stored - atStart;
      const each = (name: keyof typeof FIELDS): number => (after[name] - before[name]) / saves;
      return {
        figures: {
          'memory of an item, with its content': (before.memory - empty.memory) / filled,
          'append-only file per save': each('file'),
          'replication stream per save, to each replica': each('replicated'),
          'received by the master per save': each('received'),
          'sent by the master per save': each('sent'),
          'saves that this was measured over': saves,
        },
      };
    } finally {
      await store.close(1_000);
      redis.disconnect();
    }
  },
};
