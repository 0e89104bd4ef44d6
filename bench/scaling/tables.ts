// The tables and plots of docs/scaling.md.
import { settingsSchema } from '../../src/config.ts';
import type { Series } from '../report.ts';
import { linePlot, readable } from '../svg.ts';
import { balanceOf, itemsUntilOver, partitionBias } from './balance.ts';
import { simulateOutage } from './failover.ts';
import type { Figures } from './figures.ts';

export const SETTINGS = settingsSchema.parse({});
/** hash-max-listpack-entries in ops/redis/redis.conf. */
export const LISTPACK_ENTRIES = 512;
/** What a process that must not become the limit may be busy. */
export const BUSY = 0.6;
/** worker_connections in nginx.conf, of which a request takes two: one to the client, one to the instance. */
const NGINX_CONNECTIONS = 16_384;

const RUNS = 20;
const MILLION = 1_000_000;

/** Three digits are as many as were measured. */
export const about = (value: number): string => Number(value.toPrecision(3)).toLocaleString('en');

export function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const coreRow = (what: string, micros: number): string[] => [what, about(micros), about(MILLION / micros)];

/** What one core of each kind carries, if nothing else held it up. */
export function coresTable({ cpu }: Figures): string {
  return table([
    ['One core of', 'µs of CPU for a save', 'saves/s at 100 %'],
    coreRow('an instance', cpu.api),
    coreRow('the master, one instance at 64 connections', cpu.master),
    coreRow('the master, one client that needs no HTTP and always has 64 saves under way', cpu.masterAlone),
    coreRow('each replica', cpu.replica),
  ]);
}

export const placesOf = (partitions: number, buckets: number): number => partitions * buckets;
const DEFAULT_PLACES = placesOf(SETTINGS.PARTITIONS, SETTINGS.INDEX_BUCKETS);
export const MOST_PLACES = placesOf(256, 65_536);

/** The share of the even one that the largest place has, and of how many items. */
function balanceRow(what: string, items: number, places: number): string[] {
  const { mean, smallest, largest } = balanceOf(items, places, RUNS);
  const percent = (value: number): string => `${value > mean ? '+' : ''}${about((value / mean - 1) * 100)} %`;
  return [
    what,
    items.toLocaleString('en'),
    about(mean),
    `${about(smallest)} (${percent(smallest)})`,
    `${about(largest)} (${percent(largest)})`,
  ];
}

export function balanceTable(): string {
  const { PARTITIONS } = SETTINGS;
  return table([
    ['', 'items', 'even share', 'smallest', 'largest'],
    ...[10_000, MILLION, 100 * MILLION].map((items) => balanceRow(`${PARTITIONS} partitions`, items, PARTITIONS)),
    balanceRow('256 partitions', 100 * MILLION, 256),
    ...[MILLION, 10 * MILLION, 100 * MILLION].map((items) =>
      balanceRow(`${DEFAULT_PLACES.toLocaleString('en')} buckets`, items, DEFAULT_PLACES),
    ),
  ]);
}

export const worstBias = (): number => Math.max(...Array.from({ length: 256 }, (_, i) => partitionBias(i + 1)));

/** At how many items the first bucket is no listpack any more, and at how many the average one. */
export function listpackTable(): string {
  const first = itemsUntilOver(LISTPACK_ENTRIES, DEFAULT_PLACES);
  // The first one comes at the same part of the average for any number of buckets, to within the few percent that the
  // largest of more numbers is larger; simulating 8,000,000,000 items would take minutes.
  const share = first / (LISTPACK_ENTRIES * DEFAULT_PLACES);
  const row = (partitions: number, buckets: number): string[] => {
    const places = placesOf(partitions, buckets);
    const average = LISTPACK_ENTRIES * places;
    const early = places === DEFAULT_PLACES ? first : share * average;
    return [`${partitions}`, buckets.toLocaleString('en'), places.toLocaleString('en'), about(early), about(average)];
  };
  return table([
    ['PARTITIONS', 'INDEX_BUCKETS', 'buckets in all', 'first bucket over 512 entries, at items', 'the average one'],
    row(SETTINGS.PARTITIONS, SETTINGS.INDEX_BUCKETS),
    row(16, 65_536),
    row(256, 2_048),
    row(256, 65_536),
  ]);
}

const outage = (perSecond: number, instances: number, gapMs: number, capacityPerSecond: number) =>
  simulateOutage({
    perSecond,
    instances,
    gapMs,
    capacityPerSecond,
    maxPendingSaves: SETTINGS.MAX_PENDING_SAVES,
    saveDeadlineMs: SETTINGS.SAVE_DEADLINE_MS,
  });

/** What a failover costs at some rates, for what the master and so many instances carry by their CPU time. */
export function failoverTable({ cpu, gapSeconds }: Figures): string {
  const rows = [1, 2, 4, 6].flatMap((instances) => {
    const capacity = Math.min(MILLION / cpu.master, (instances * MILLION) / cpu.api);
    return [gapSeconds, 7, 15].map((seconds) => {
      const rate = BUSY * capacity;
      const cost = outage(rate, instances, seconds * 1_000, capacity);
      return [
        `${instances}`,
        about(rate),
        `${seconds}`,
        about(cost.waitedMost),
        about(cost.refused),
        about(cost.late),
        cost.caughtUpAfterMs === null ? 'never' : (cost.caughtUpAfterMs / 1_000).toFixed(1),
        `${Math.ceil((2 * cost.waitedMost) / NGINX_CONNECTIONS)}`,
      ];
    });
  });
  const head = [
    'instances',
    'saves/s',
    'gap s',
    'waiting at most',
    '503 at once',
    '503 at the deadline',
    'caught up after s',
    'nginx processes',
  ];
  return table([head, ...rows]);
}

/** Saves that wait during gaps of some length, by the number of instances, and how many may. */
export function failoverPlot({ cpu }: Figures): string {
  const seconds = Array.from({ length: 31 }, (_, i) => i / 2);
  const series: Series[] = [1, 2, 4].map((instances) => {
    const capacity = Math.min(MILLION / cpu.master, (instances * MILLION) / cpu.api);
    const points = seconds.map((s) => [s, outage(BUSY * capacity, instances, s * 1_000, capacity).waitedMost] as const);
    return { name: `instances: ${instances}, saves/s: ${readable(BUSY * capacity)}`, points };
  });
  return linePlot({
    title: 'Saves that wait while there is no master',
    xLabel: 'seconds without a master',
    series,
    xTicks: [0, 3, 6, 9, 12, 15].map((second) => [second, `${second}`]),
  });
}
