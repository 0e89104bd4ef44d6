// Decides whether a run was right: the journal of the clients against what the store holds in the end.
import type { Attempt } from './attempt.ts';
import { checkAnswers, collectAnswers } from './check-answers.ts';
import { checkIndexes } from './check-index.ts';
import { compareCopies, compareListing } from './check-copies.ts';
import { FactBook } from './content-facts.ts';
import type { Copy, Listing } from './copy.ts';
import { FindingList, type Findings } from './findings.ts';

export type History = {
  /** Read several times, in the order of sending. */
  readonly attempts: Iterable<Attempt>;
  /** One for each Redis node, read when nothing was being saved any more and all replicas had caught up. */
  readonly copies: readonly Copy[];
  /** What the API lists; null when it was not asked. */
  readonly listing: Listing | null;
};

const LISTING = 'listing';

/**
 * Everything in the history that a correct service cannot have done, if nobody else wrote to its store. An attempt
 * without an answer proves nothing: its content may be stored or not. Throws when there is no copy and no listing,
 * because then everything would be lost, or nothing.
 */
export function check({ attempts, copies, listing }: History): Findings {
  const places = [
    ...copies.map(({ node, entries }) => ({ name: node, items: entries })),
    ...(listing === null ? [] : [{ name: LISTING, items: listing.items }]),
  ];
  if (places.length === 0) throw new Error('There is nothing to check the journal against.');
  const found = new FindingList();
  const book = new FactBook(places.length);
  places.forEach(({ name, items }, place) => {
    for (const { id, content } of items) {
      const facts = book.of(content);
      if (facts.store(place, id)) continue;
      found.add('duplicate', () => ({ what: `${name} has ${facts.idsAt(place).join(' and ')}`, content }));
    }
  });
  const { sentContents, ...answers } = collectAnswers(attempts, book, found);
  checkAnswers(attempts, book, found);
  const names = places.map(({ name }) => name);
  checkPresence(names, book, found);
  checkIndexes(copies, book, found);
  compareCopies(copies, found);
  const [first] = copies;
  if (first !== undefined && listing !== null) compareListing(first, listing, found);
  const stored = Object.fromEntries(places.map(({ name, items }) => [name, items.length]));
  return {
    clean: found.clean,
    counts: found.counts,
    examples: found.examples,
    attempts: pick(attempts, found.attemptNumbers()),
    totals: { ...answers, contents: sentContents, stored },
  };
}

/** What was acknowledged is everywhere, and what was never sent is nowhere. */
function checkPresence(places: readonly string[], book: FactBook, found: FindingList): void {
  for (const facts of book) {
    const { content, ids, firstSave, firstDuplicate } = facts;
    if (!facts.sent) {
      const where = places.filter((_, place) => ids[place] !== null);
      const what = `stored on ${where.join(', ')} as ${ids.find((id) => id !== null) ?? ''}`;
      found.add('phantom', () => ({ what, content }));
    }
    if (!facts.isAcknowledged || !ids.includes(null)) continue;
    const missing = places.filter((_, place) => ids[place] === null);
    const attempts = [firstSave?.n ?? null, firstDuplicate].filter((n) => n !== null);
    found.add('lost', () => ({ what: `absent from ${missing.join(', ')}`, content, attempts }));
  }
}

function pick(attempts: Iterable<Attempt>, numbers: ReadonlySet<number>): Map<number, Attempt> {
  const picked = new Map<number, Attempt>();
  if (numbers.size === 0) return picked;
  for (const attempt of attempts) if (numbers.has(attempt.n)) picked.set(attempt.n, attempt);
  return picked;
}
