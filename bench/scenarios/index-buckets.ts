// What an index entry takes, in memory and in Redis' time, while its hash is a listpack and beyond.
import { DEFAULT_SPACE, openBenchStore } from '../bench-store.ts';
import { join } from 'node:path';
import { cpuSeconds } from '../cpu.ts';
import { startRedisSet } from '../../stack/redis-set.ts';
import { fill } from '../fill.ts';
import { memoryOf } from '../redis-memory.ts';
import type { Scenario } from '../scenario.ts';
import { pidsOf } from '../workshop.ts';

const BUCKETS = 1_024;

export const indexBuckets: Scenario = {
  name: 'index-buckets',
  title: 'Beyond what a listpack holds',
  about: `An index of ${BUCKETS.toLocaleString('en')} hashes in one partition is filled until its hashes are no listpacks any
more (\`hash-max-listpack-entries\` in ops/redis/redis.conf), and beside it stands how many items the default index has when
its hashes are as full. CPU time of the master is for each save of the step that ends there.`,
  async run({ workshop, quick, say }) {
    const { launcher, ports, dir } = workshop;
    const set = workshop.use(
      await startRedisSet({ launcher, ports, dir: join(dir, 'redis'), replicas: 1, redisArgs: ['--appendonly', 'no'] }),
    );
    const [master] = set.nodes;
    const [pid] = pidsOf(set.nodes);
    if (master === undefined || pid === undefined) throw new Error('the set has no master');
    const store = await openBenchStore(set, { space: { prefix: '', partitions: 1, buckets: BUCKETS } });
    const table = [
      ['entries per hash', 'items in a default index', 'encoding', 'bytes per entry', 'master µs per save'],
    ];
    let filled = 0;
    for (const each of quick ? [10, 100] : [10, 50, 100, 200, 300, 400, 500, 600, 1_000]) {
      const cpuBefore = cpuSeconds(pid);
      await fill(store, filled, each * BUCKETS);
      const micros = ((cpuSeconds(pid) - cpuBefore) / (each * BUCKETS - filled)) * 1e6;
      filled = each * BUCKETS;
      const index = (await memoryOf(master, set.secrets)).kinds.find(({ name }) => name === 'index');
      if (index === undefined) throw new Error('there is no index');
      const inDefault = `${((each * DEFAULT_SPACE.partitions * DEFAULT_SPACE.buckets) / 1e6).toFixed(1)} million`;
      table.push([
        `${each}`,
        inDefault,
        index.encodings.join(', '),
        (index.bytes / filled).toFixed(1),
        micros.toFixed(1),
      ]);
      say(table.at(-1)?.join(' | ') ?? '');
    }
    await store.close(1_000);
    return { tables: [table] };
  },
};
