// What the queries of the dashboard have in common.

/** Which instances: those that are chosen on the dashboard. */
export const ITEMS = 'job="items",instance=~"$instance"';

/** The quantile of a histogram over all instances, by the labels that are named. */
export const quantile = (q: number, histogram: string, labels: string, by: readonly string[] = []): string =>
  `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (rate(${histogram}_bucket{${labels}}[$__rate_interval])))`;

/** How often each second, by the labels that are named. */
export const rate = (counter: string, by = '', labels = ITEMS): string =>
  `sum${by === '' ? '' : ` by (${by})`} (rate(${counter}{${labels}}[$__rate_interval]))`;

/** Two queries that say how a time is spread. */
export const p50and99 = (histogram: string, labels = ITEMS): [string, string][] => [
  [quantile(0.5, histogram, labels), 'half are faster'],
  [quantile(0.99, histogram, labels), '99 % are faster'],
];
