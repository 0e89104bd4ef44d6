// Holds log, index and counts of each node against each other.
import { hash } from 'node:crypto';
import { isJson } from './content-form.ts';
import type { FactBook } from './content-facts.ts';
import type { Copy } from './copy.ts';
import type { FindingList } from './findings.ts';

const DIGEST_BYTES = 20;

/**
 * The digest under which a content stands in the index: the first 20 bytes of the SHA-256 over the word "string", a line
 * feed and the text in UTF-8, or the word "json", a line feed and the canonical form. Written down here a second time on purpose: a checker that asked the service for it
 * would find the service right whatever it answers.
 */
export function digestOf(content: string): string {
  return hash('sha256', isJson(content) ? content : `string\n${content}`, 'hex').slice(0, DIGEST_BYTES * 2);
}

/** Finds entries that the index does not lead to, index entries that lead nowhere, and counts that do not add up. */
export function checkIndexes(copies: readonly Copy[], book: FactBook, found: FindingList): void {
  const fitting = copies.map(() => 0);
  for (const facts of book) {
    if (!facts.isStored) continue;
    const { content } = facts;
    const digest = digestOf(content);
    copies.forEach(({ node, index }, place) => {
      const named = index.get(digest);
      for (const id of facts.idsAt(place)) {
        if (id === named) fitting[place] = (fitting[place] ?? 0) + 1;
        else {
          const what = `${node} has ${id} in the log and ${named ?? 'nothing'} in the index`;
          found.add('indexFault', () => ({ what, content }));
        }
      }
    });
  }
  copies.forEach((copy, place) => {
    const { node, index, indexedTwice, entries } = copy;
    for (const digest of indexedTwice) {
      found.add('indexFault', () => ({ what: `${node} has the digest ${digest} in two places of the index` }));
    }
    // Rare, and as costly as all of the above.
    if (fitting[place] !== index.size) findMisleading(copy, found);
    const counted = total(copy, 'saved') - total(copy, 'deleted');
    if (counted !== entries.length) {
      found.add('indexFault', () => ({ what: `${node} counts ${counted} items, its logs have ${entries.length}` }));
    }
  });
}

function findMisleading({ node, index, entries }: Copy, found: FindingList): void {
  const contents = new Map(entries.map(({ id, content }) => [id, content]));
  for (const [digest, id] of index) {
    const content = contents.get(id);
    if (content === undefined) {
      found.add('indexFault', () => ({ what: `${node} leads from ${digest} to ${id}, which is not in the log` }));
    } else if (digestOf(content) !== digest) {
      const what = `${node} leads from ${digest} to ${id}, which holds another content`;
      found.add('indexFault', () => ({ what, content }));
    }
  }
}

function total({ counts }: Copy, name: string): number {
  let sum = 0;
  for (const [key, value] of counts) if (key.endsWith(`.${name}`)) sum += value;
  return sum;
}
