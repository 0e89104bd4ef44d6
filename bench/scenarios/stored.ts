// The same load on a store that holds ten thousand, one million and ten million items; and what an item takes.
import { instanceOf, startOurs } from '../candidate.ts';
import { compare } from '../compare.ts';
import { openBenchStore } from '../bench-store.ts';
import { fill, FILLED_BYTES } from '../fill.ts';
import { memoryOf } from '../redis-memory.ts';
import type { Row, Series } from '../report.ts';
import type { Scenario } from '../scenario.ts';

const FILL_STEP = 250_000;
const FEW = 10_000;
/** Measured in turn with the other, because minutes pass while that is filled. */
export const BESIDE = 'with ten thousand, beside it';

export const stored: Scenario = {
  name: 'stored',
  title: 'With ten million items',
  about: `The store is filled with contents of ${FILLED_BYTES} bytes by the service's own save script, and then saves go
through the service as before, in turn with those of a second one that began with ten thousand. The Redis nodes keep no append-only file here, because filling it would write more than ten
gigabytes. Bytes over the content are taken from \`used_memory\` of the master, without the buffers of replicas and
clients, less what the empty node had; those of a kind of key from MEMORY USAGE of a sample.`,
  async run({ workshop, times, quick, items: most, say }) {
    const options = { redisArgs: ['--maxmemory', '12gb', '--appendonly', 'no'] };
    const stack = await startOurs(workshop, options);
    const few = await startOurs(workshop, options, 'few');
    const candidates = [instanceOf(stack), instanceOf(few, BESIDE)];
    const [master] = stack.redis.nodes;
    if (master === undefined) throw new Error('the stack has no master');
    const store = await openBenchStore(stack.redis);
    const fewItems = await openBenchStore(few.redis);
    await fill(fewItems, 0, FEW);
    await fewItems.close(1_000);
    const empty = await memoryOf(master, stack.redis.secrets);
    const rows: Row[] = [];
    const figures: Record<string, number> = {};
    const bytes: Series = { name: 'bytes per item over its content', points: [] };
    const table = [['items', 'kind of key', 'keys', 'encoding', 'bytes per item', 'items per key']];
    const points: [number, number][] = [];
    let filled = 0;
    const sizes = quick ? [FEW, 100_000] : [FEW, 1_000_000, 10_000_000];
    for (const size of sizes.filter((n) => n <= most)) {
      for (; filled < size; filled = Math.min(size, filled + FILL_STEP)) {
        await fill(store, filled, Math.min(size, filled + FILL_STEP));
        say(`${Math.min(size, filled + FILL_STEP).toLocaleString('en')} items`);
      }
      const memory = await memoryOf(master, stack.redis.secrets);
      const { stored: items } = await store.items.counts();
      const over = (memory.bytes - empty.bytes) / items - FILLED_BYTES;
      figures[`bytes per item over its content at ${size.toLocaleString('en')}`] = over;
      points.push([size, over]);
      for (const { name, keys, encodings, bytes: all } of memory.kinds) {
        const cells = [items, name, keys, encodings.join(', '), (all / items).toFixed(1), (items / keys).toFixed(1)];
        table.push(cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)));
      }
      const shape = { connections: 64, work: { kind: 'save', contents: 'unique', contentBytes: 100 } } as const;
      const name = `${size.toLocaleString('en')} items`;
      rows.push(...(await compare({ name, shape, candidates }, times, workshop.load)));
      const one = { ...shape, connections: 1 };
      rows.push(...(await compare({ name: `${name}, one at a time`, shape: one, candidates }, times, workshop.load)));
    }
    await store.close(1_000);
    return { rows, figures, tables: [table], series: [{ ...bytes, points }] };
  },
};
