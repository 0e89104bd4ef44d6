// Holds the nodes, and the listing, against the first node: in the end all of them have to hold the same.
import type { Copy, Entry, Listing } from './copy.ts';
import type { FindingList } from './findings.ts';

/** Finds every entry, index entry and count in which a node differs from the first one. */
export function compareCopies(copies: readonly Copy[], found: FindingList): void {
  const [first, ...others] = copies;
  if (first === undefined) return;
  const firstEntries = byId(first);
  for (const other of others) {
    const nodes = [first.node, other.node] as const;
    const report = (what: string): void => found.add('differingNodes', () => ({ what }));
    compareMaps(firstEntries, byId(other), sameEntry, (id) => report(differing('the item', id, nodes)));
    compareMaps(first.index, other.index, Object.is, (digest) => report(differing('the index entry', digest, nodes)));
    compareMaps(first.counts, other.counts, Object.is, (name) => report(differing('the count', name, nodes)));
  }
}

/** Finds every item that the listing and a node do not have in common. */
export function compareListing(copy: Copy, listing: Listing, found: FindingList): void {
  const places = [copy.node, 'the listing'] as const;
  const report = (id: string): void => {
    found.add('differingNodes', () => ({ what: differing('the item', id, places) }));
  };
  compareMaps(contentsById(copy.entries), contentsById(listing.items), Object.is, report);
}

function compareMaps<T>(
  a: ReadonlyMap<string, T>,
  b: ReadonlyMap<string, T>,
  same: (x: T, y: T) => boolean,
  report: (key: string) => void,
): void {
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !same(value, other)) report(key);
  }
  for (const key of b.keys()) if (!a.has(key)) report(key);
}

const contentsById = (items: Listing['items']): Map<string, string> =>
  new Map(items.map(({ id, content }) => [id, content]));

const byId = ({ entries }: Copy): Map<string, Entry> => new Map(entries.map((entry) => [entry.id, entry]));

const sameEntry = (a: Entry, b: Entry): boolean => a.content === b.content && a.rest === b.rest;

function differing(what: string, name: string, [a, b]: readonly [string, string]): string {
  return `${what} ${name} is not the same on ${a} and ${b}`;
}
