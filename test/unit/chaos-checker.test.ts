// The checker finds every way of being wrong, and nothing in a history that a correct service could have made.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Attempt } from '../../chaos/attempt.ts';
import { check } from '../../chaos/checker.ts';
import { type Findings, type FindingKind, renderFindings } from '../../chaos/findings.ts';
import { CorrectService, digestHex, type Fate, type MutableHistory } from '../support/chaos-history.ts';

const answered = (key: string | null): { key: string | null; fate: Fate } => ({ key, fate: 'answered' });

/** Apple is saved with a key, replayed, and posted by others; pear is saved without; plum is unknown and stored. */
function example(): MutableHistory {
  const service = new CorrectService();
  service.post('apple', [answered('key-1')]);
  service.post('apple', [answered('key-1'), answered('key-2'), answered(null)]);
  service.post('pear', [answered(null), answered(null)], 1);
  service.post('plum', [{ key: null, fate: 'lost-after' }]);
  service.post('fig', [{ key: 'key-3', fate: 'lost-before' }]);
  return service.history();
}

function kindsOf(findings: Findings): FindingKind[] {
  const counts = Object.entries(findings.counts) as [FindingKind, number][];
  return counts.filter(([, count]) => count > 0).map(([kind]) => kind);
}

/** Replaces the answer of an attempt. */
function answer(history: MutableHistory, n: number, outcome: Attempt['outcome']): void {
  history.attempts[n] = { ...history.attempts[n]!, outcome };
}

function removeContent({ copies, listing }: MutableHistory, content: string): void {
  for (const copy of copies) {
    copy.entries = copy.entries.filter((entry) => entry.content !== content);
    copy.index.delete(digestHex(content));
    copy.counts.set('0.saved', copy.entries.length);
  }
  listing.items = listing.items.filter((item) => item.content !== content);
}

function addEntry({ copies, listing }: MutableHistory, id: string, content: string): void {
  for (const copy of copies) {
    copy.entries.push({ id, content, rest: '' });
    copy.index.set(digestHex(content), id);
    copy.counts.set('0.saved', copy.entries.length);
  }
  listing.items.push({ id, content });
}

test('a right history has no findings, whatever is unknown in it', () => {
  const findings = check(example());
  expect(kindsOf(findings)).toEqual([]);
  expect(findings.clean).toBe(true);
  expect(findings.totals).toEqual({
    attempts: 8,
    contents: 4,
    saved: 2,
    replayed: 1,
    duplicates: 3,
    refused: {},
    unknown: { '504': 1, timeout: 1 },
    stored: { 'a:1': 3, 'b:2': 3, 'c:3': 3, listing: 3 },
  });
});

test('what is unknown may be stored or not', () => {
  const history = example();
  removeContent(history, 'plum');
  expect(kindsOf(check(history))).toEqual([]);
  addEntry(history, '9-9-9', 'fig');
  expect(kindsOf(check(history))).toEqual([]);
});

const [APPLE, PEAR] = ['1700000000000-0-0', '1700000000000-1-0'];

describe('found is', () => {
  test.each<[string, (history: MutableHistory) => void, FindingKind[]]>([
    ['an acknowledged content that is nowhere', (h) => removeContent(h, 'apple'), ['lost', 'falseDuplicate']],
    ['one that is absent from the listing alone', (h) => h.listing.items.shift(), ['lost', 'differingNodes']],
    [
      'one that is absent from one node alone',
      (h) => {
        h.copies[1]!.entries.shift();
        h.copies[1]!.index.delete(digestHex('apple'));
        h.copies[1]!.counts.set('0.saved', 2);
      },
      ['lost', 'differingNodes'],
    ],
    [
      'one for which there was only a 409',
      (h) => {
        answer(h, 4, { kind: 'unknown', why: 'timeout' });
        answer(h, 5, { kind: 'duplicate', id: PEAR });
        removeContent(h, 'pear');
      },
      ['lost', 'falseDuplicate'],
    ],
    ['a content that is stored twice', (h) => addEntry(h, '9-9-9', 'apple'), ['duplicate', 'indexFault']],
    ['two 201 with different ids', (h) => answer(h, 2, { kind: 'saved', id: '9-9-9', replayed: false }), ['duplicate']],
    ['a 201 with an id that is not stored', (h) => answer(h, 5, saved('9-9-9')), ['duplicate']],
    ['a 409 with the id of another item', (h) => answer(h, 2, { kind: 'duplicate', id: PEAR }), ['falseDuplicate']],
    ['a replay to somebody else', (h) => answer(h, 2, saved(APPLE, true)), ['wrongReplay']],
    ['the same save told twice as new', (h) => answer(h, 1, saved(APPLE)), ['wrongReplay']],
    ['a replay with another id', (h) => answer(h, 1, saved('9-9-9', true)), ['duplicate', 'wrongReplay']],
    [
      'a key refused as used before, and it was not',
      (h) => answer(h, 2, { kind: 'refused', status: 422, code: 'idempotency-key-reused' }),
      ['wrongReplay'],
    ],
    ['a 409 to the key that saved it', (h) => answer(h, 1, { kind: 'duplicate', id: APPLE }), ['selfDuplicate']],
    [
      'a 409 for what nobody else had sent before the answer',
      (h) => {
        answer(h, 0, { kind: 'duplicate', id: APPLE });
        answer(h, 1, { kind: 'unknown', why: 'timeout' });
      },
      ['selfDuplicate'],
    ],
    ['a content that nobody sent', (h) => addEntry(h, '9-9-9', 'quince'), ['phantom']],
    [
      'an item without an index entry',
      (h) => h.copies.forEach((c) => c.index.delete(digestHex('pear'))),
      ['indexFault'],
    ],
    [
      'an index entry without an item',
      (h) => h.copies.forEach((c) => c.index.set('ab'.repeat(20), '9-9-9')),
      ['indexFault'],
    ],
    [
      'an index entry that names another content',
      (h) => h.copies.forEach((c) => c.index.set(digestHex('quince'), APPLE)),
      ['indexFault'],
    ],
    ['a digest in two buckets', (h) => h.copies.forEach((c) => (c.indexedTwice = ['ab'])), ['indexFault']],
    ['counts that do not add up', (h) => h.copies.forEach((c) => c.counts.set('0.saved', 9)), ['indexFault']],
    ['a node that counted otherwise', (h) => h.copies[2]!.counts.set('0.duplicates', 9), ['differingNodes']],
    [
      'a node with other fields',
      (h) => (h.copies[2]!.entries[1] = { ...h.copies[2]!.entries[1]!, rest: '' }),
      ['differingNodes'],
    ],
  ])('%s', (_name, spoil, kinds) => {
    const history = example();
    spoil(history);
    const findings = check(history);
    expect(kindsOf(findings).toSorted(), renderFindings(findings)).toEqual(kinds.toSorted());
    expect(findings.clean).toBe(false);
  });
});

function saved(id: string, replayed = false): Attempt['outcome'] {
  return { kind: 'saved', id, replayed };
}

test('findings are counted in full, and some are shown with what happened', () => {
  const service = new CorrectService();
  for (let n = 0; n < 100; n++) service.post(`content ${n}`, [answered(`key-${n}`)]);
  const history = service.history();
  for (let n = 0; n < 100; n++) removeContent(history, `content ${n}`);
  const findings = check(history);
  expect(findings.counts.lost).toBe(100);
  expect(findings.examples.lost).toHaveLength(20);
  const text = renderFindings(findings, 3);
  expect(text).toContain(
    'lost: 100 (acknowledged by a 201 or 409, and absent)\n  - absent from a:1, b:2, c:3, listing: "content 0"',
  );
  expect(text).toContain(
    'attempt 0 of client 0, key key-0, sent 1970-01-01T00:16:40.000Z: 201 1700000000000-0-0 after 1.0 ms',
  );
  expect(text).not.toContain('attempt 3 of');
});

test('without anything to compare with there is no verdict', () => {
  expect(() => check({ attempts: [], copies: [], listing: null })).toThrow(/nothing to check/);
});

describe('of a random correct history', () => {
  const fate = fc.constantFrom<Fate>(
    'answered',
    'answered',
    'lost-before',
    'lost-after',
    'refused-before',
    'refused-after',
  );
  const post = fc.record({
    content: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    senders: fc.array(fc.record({ key: fc.constantFrom(null, null, 'x', 'y', 'z'), fate }), {
      minLength: 1,
      maxLength: 4,
    }),
    first: fc.nat({ max: 3 }),
  });
  const histories = fc.array(post, { minLength: 1, maxLength: 12 }).map((posts) => {
    const service = new CorrectService();
    for (const { content, senders, first } of posts) {
      // A key belongs to one content.
      const own = senders.map((sender) => ({ ...sender, key: sender.key && `${content}-${sender.key}` }));
      service.post(content, own, first);
    }
    return service.history();
  });

  test('nothing is found', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const findings = check(history);
        expect(findings.clean, renderFindings(findings)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  const mutations: Record<string, (history: MutableHistory, pick: number, node: number) => unknown> = {
    'dropping an entry on one node': ({ copies }, pick, node) => copies[node]!.entries.splice(pick, 1),
    'dropping a listed item': ({ listing }, pick) => listing.items.splice(pick, 1),
    'changing an id on one node': ({ copies }, pick, node) => {
      copies[node]!.entries[pick] = { ...copies[node]!.entries[pick]!, id: '9-9-9' };
    },
    'changing a content on one node': ({ copies }, pick, node) => {
      copies[node]!.entries[pick] = { ...copies[node]!.entries[pick]!, content: 'other' };
    },
    'duplicating an entry on one node': ({ copies }, pick, node) => {
      copies[node]!.entries.push({ ...copies[node]!.entries[pick]!, id: '9-9-9' });
    },
    'duplicating an entry on all nodes': (history, pick) =>
      addEntry(history, '9-9-9', history.listing.items[pick]!.content),
    'foreign content on all nodes': (history) => addEntry(history, '9-9-9', 'foreign'),
    'dropping an index entry': ({ copies, listing }, pick, node) =>
      copies[node]!.index.delete(digestHex(listing.items[pick]!.content)),
    'changing the id in an acknowledgement': (history, pick) => {
      const acks = history.attempts.filter(({ outcome }) => 'id' in outcome);
      fc.pre(acks.length > 0);
      const { n, outcome } = acks[pick % acks.length]!;
      answer(history, n, { ...outcome, id: '9-9-9' } as Attempt['outcome']);
    },
    'losing an acknowledged content': (history, pick) => {
      const acks = history.attempts.filter(({ outcome }) => 'id' in outcome);
      fc.pre(acks.length > 0);
      removeContent(history, acks[pick % acks.length]!.content);
    },
  };

  test.each(Object.entries(mutations))('%s is found', (_name, mutate) => {
    fc.assert(
      fc.property(histories, fc.nat(), fc.nat({ max: 2 }), (history, pick, node) => {
        fc.pre(history.listing.items.length > 0);
        mutate(history, pick % history.listing.items.length, node);
        expect(check(history).clean).toBe(false);
      }),
    );
  });
});
