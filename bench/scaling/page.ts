// Renders docs/scaling.md: prose around what the reports of the benchmark and the simulations give.
import { type Figures, readFigures } from './figures.ts';
import {
  about,
  balanceTable,
  BUSY,
  coresTable,
  failoverPlot,
  failoverTable,
  LISTPACK_ENTRIES,
  listpackTable,
  MOST_PLACES,
  SETTINGS,
  table,
  worstBias,
} from './tables.ts';

const MILLION = 1_000_000;
const TRILLION = 1e12;
const COPIES = 3;
/** Of a Redis node: half of what a machine with 128 GB has, because a rewrite of the file copies what changes meanwhile. */
const NODE_GB = 64;

/** Names of files in docs/benchmarks and their contents. */
export function scalingPlots(): Readonly<Record<string, string>> {
  return { 'scaling-failover.svg': failoverPlot(readFigures()) };
}

export function renderScaling(): string {
  const figures = readFigures();
  return `${[intro(figures), oneOfEach(figures), million(figures), trillion(figures), balance(), failover(figures), AUTOSCALING].join('\n\n')}\n`;
}

const intro = ({ main, bytes }: Figures): string => `# How far it goes

What one instance, one master and one machine carry, what a million saves per second and a trillion items would take, and where this version ends. Made by \`node bench/scaling/write.ts\`
out of [benchmarks](benchmarks.md) and two simulations; a test holds it against both. Figures of time are from ${main.machine}, a machine that **others share**; bytes from ${bytes.machine}.
Everything here is calculated for new contents of 100 bytes. **Nothing on this page beyond one machine was tried**: it says what to expect at best, and what ends first.`;

function oneOfEach(figures: Figures): string {
  const { cpu, machine } = figures;
  return `## One of each

${coresTable(figures)}

An instance and a Redis node have one thread that counts, so a core is what each can have. The master was measured cheaper where batches were larger and no HTTP took part, so the truth for a busy set lies between its two rows.

- **One machine** with ${cores(figures)} cores for everything, the maker of load included, saved ${about(machine.median)} a second (${about(machine.min)} to ${about(machine.max)}, with what else it had to do). With nothing else to do and cores enough, the sum of the CPU times above is what it takes: ${about(cpu.api + cpu.master + 2 * cpu.replica)} µs a save without nginx and clients.
- **One master** is the limit for ${(cpu.api / cpu.master).toFixed(1)} instances that do nothing but save new contents one by one. More instances help with what never reaches the master (bad requests, wrong keys), with reads, large contents and JSON. \`maxReplicas\` in ops/kubernetes leaves room for these.
- **nginx** takes ${about(cpu.nginx)} µs of CPU for each request, in front of two instances, so its two processes carry about ${about(2e6 / cpu.nginx)} a second.`;
}

const cores = ({ main }: Figures): string => /^\d+/.exec(main.machine)?.[0] ?? '';

function million({ cpu, size }: Figures): string {
  const perMaster = (BUSY * MILLION) / cpu.master;
  const masters = Math.ceil(MILLION / perMaster);
  const best = Math.ceil(MILLION / ((BUSY * MILLION) / cpu.masterAlone));
  const gigabytes = (bytes: number): string => about((bytes * MILLION) / 1e9);
  return `## A million saves per second

Nothing may be busier than ${BUSY * 100} %, or a failover never catches up.

${table([
  ['What', 'For each save', 'For a million a second'],
  ['Instances, cores', `${about(cpu.api)} µs`, about(cpu.api / BUSY)],
  ['Masters, cores', `${about(cpu.master)} µs (${about(cpu.masterAlone)} at best)`, `${masters} (${best} at best)`],
  ['Replicas, two of each master, cores', `${about(cpu.replica)} µs each`, about((2 * cpu.replica) / BUSY)],
  ['Into all masters', `${about(size.received)} bytes`, `${gigabytes(size.received)} GB/s`],
  ['Out of all masters, replicas included', `${about(size.sent)} bytes`, `${gigabytes(size.sent)} GB/s`],
  ['Of that, to each replica', `${about(size.replicated)} bytes`, `${gigabytes(size.replicated)} GB/s`],
  [
    `Append-only files, each of the ${COPIES} copies`,
    `${about(size.file)} bytes`,
    `${gigabytes(size.file)} GB/s, ${about((size.file * MILLION * 86_400) / 1e12)} TB a day until a rewrite`,
  ],
  ['Memory, each copy', `${about(size.memory)} bytes`, `${about((size.memory * MILLION * 3_600) / 1e9)} GB an hour`],
])}

**This version cannot do it.** It knows one master: \`REDIS_SENTINELS\` names one set, and a process that is given \`REDIS_CLUSTER\` refuses to start. What one set carries is ${about(perMaster)} to ${about((BUSY * MILLION) / cpu.masterAlone)} saves a second by the figures above. Sentinel ends there, or where the items of one set no longer fit the memory of one machine,
whichever comes first; beyond it begins Redis Cluster. Until then more speed for one set comes from larger batches (streams and JSON batches need fewer commands and no HTTP for each item), and from a faster core, not from more of them.

What the data is ready for, and what is not:

- Each partition is a hash tag, so its log, index, counts and locks stay in one slot. A partition cannot be split: with ${SETTINGS.PARTITIONS} of them no more than ${SETTINGS.PARTITIONS} masters have something to do, at most 256. **\`PARTITIONS\` is fixed once data exists**: ${masters} masters need ${2 ** Math.ceil(Math.log2(masters))} from the beginning.
- One call of the save script has the contents of several partitions. On a Cluster each master needs a call, a \`WAIT\` and a proof of its own.
- Who must acknowledge is decided from what Sentinel knows, and the keeper steers Sentinel's promotion. A Cluster promotes by its own vote; the rule would have to be found and measured anew.
- All idempotency keys are in one slot (\`{k}\`), and would be one master's work.`;
}

function trillion({ size }: Figures): string {
  const bytes = size.memory * TRILLION;
  return `## A trillion items

An item of 100 bytes takes ${about(size.memory)} bytes of memory (400,000 items, listpacks), so a trillion takes ${about(bytes / 1e12)} TB, ${about((COPIES * bytes) / 1e12)} TB in ${COPIES} copies, on ${about((COPIES * bytes) / (NODE_GB * 1e9))} nodes with ${NODE_GB} GB of data each. At a million a second it is ${about(TRILLION / MILLION / 86_400)} days of saving.
One node with ${NODE_GB} GB holds ${about((NODE_GB * 1e9) / size.memory / MILLION)} million. compose's \`maxmemory\` of 1 GB holds ${about(2 ** 30 / size.memory / MILLION)} million; then new contents get 507.

**It would not fit the index either.** ${MOST_PLACES.toLocaleString('en')} buckets are the most that can be set, and a trillion items put ${about(TRILLION / MOST_PLACES)} into each, where ${LISTPACK_ENTRIES} is the most that a listpack holds (next part). Past it Redis makes a hash table of a bucket: still exact, but every entry takes more memory; how much was not measured.
A trillion needs another design: contents on disk, and in memory no more than what tells a duplicate. That is not a setting of this one.`;
}

const balance = (): string => `## Partitions and buckets

Both come from the SHA-256 of a content: partition = 16 bits modulo \`PARTITIONS\`, bucket = 32 other bits modulo \`INDEX_BUCKETS\`. No content has a say in it but by trying out hashes, which for one bucket of ${(SETTINGS.PARTITIONS * SETTINGS.INDEX_BUCKETS).toLocaleString('en')} takes as many tries for each item. Simulated 20 times each, the smallest and the largest of all places in all runs:

${balanceTable()}

So no partition is hot by chance: at a million items the largest of ${SETTINGS.PARTITIONS} was about a percent above its share, at a hundred million a tenth of a percent. (One hot *content* is another matter; it is one partition's, and costs little: see "Duplicates" in the benchmark.) A number of partitions that 65,536 cannot be divided by
gives some of them more for good, by ${(worstBias() * 100).toFixed(2)} % at worst of all numbers up to 256.

A bucket is a listpack up to ${LISTPACK_ENTRIES} entries (\`hash-max-listpack-entries\`):

${listpackTable()}

(The first row is simulated; the others have the same part of their average.) Choose for the number of items that will ever be stored, because both settings are fixed once data exists. More buckets than that cost memory and nothing else, see [decisions](decisions.md).`;

function failover(figures: Figures): string {
  const { gapSeconds } = figures;
  return `## What a failover costs

While there is no master, saves wait: rate × gap of them. \`MAX_PENDING_SAVES\` (${SETTINGS.MAX_PENDING_SAVES.toLocaleString('en')} at each instance) is how many may; one more is a 503 at once. \`SAVE_DEADLINE_MS\` (${SETTINGS.SAVE_DEADLINE_MS.toLocaleString('en')}) is how long; then it is a 503, too. Simulated for a load of ${BUSY * 100} % of what the instances or the one master carry,
whichever is less, and gaps of ${gapSeconds} s (the longest that was measured, with Sentinel's \`down-after-milliseconds\` at 2 s), 7 s (the target) and 15 s. The load goes on while the queues empty:

${failoverTable(figures)}

![saves that wait](benchmarks/scaling-failover.svg)

- "waiting at most" is of all instances together. A gap that ends before the deadline costs no 503 as long as the rate of an instance times the gap stays below \`MAX_PENDING_SAVES\`: ${about(SETTINGS.MAX_PENDING_SAVES / gapSeconds)} saves a second and instance for ${gapSeconds} s.
- A request that waits holds two connections of an nginx process, which has 16,384 (\`worker_connections\`): the last column is how many processes the waiting needs when every save is a request of its own. There are two (\`worker_processes\`), in ops/kubernetes two in each of two pods. An instance takes 10,000 connections. Clients that wait for their answers before they send more never get that far; saves of a stream or a batch share a connection.
- More instances do not shorten the gap. They only share what waits.`;
}

const AUTOSCALING = `## More instances by themselves

On Kubernetes the autoscaler in ops/kubernetes does it. **compose has no profile for it, on purpose**: to start a container, a program needs the socket of the Docker engine, which makes whoever holds it root on the host. A proxy in front of the socket that lets through only what starts a container lets through the start of one that mounts the
host's disk, so it protects nothing; and the number of instances in compose is a matter of one machine, where the cores are shared whatever their number is. \`docker compose up --wait --scale api=N\`, by a person or by the host's own timer, needs nothing new.`;
