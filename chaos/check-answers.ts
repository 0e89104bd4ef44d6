// Holds what clients were told against each other and against what is stored.
import type { Attempt } from './attempt.ts';
import { type ContentFacts, type FactBook, identityOf } from './content-facts.ts';
import type { FindingList, Totals } from './findings.ts';

type Answers = Omit<Totals, 'stored' | 'contents'> & { readonly sentContents: number };

/** Notes everything that was sent and answered, and finds 201s that contradict each other. */
export function collectAnswers(attempts: Iterable<Attempt>, book: FactBook, found: FindingList): Answers {
  const totals = { attempts: 0, saved: 0, replayed: 0, duplicates: 0, sentContents: 0 };
  const refused: Record<string, number> = {};
  const unknown: Record<string, number> = {};
  for (const attempt of attempts) {
    const { content, outcome, n } = attempt;
    const facts = book.of(content);
    totals.attempts++;
    if (!facts.sent) totals.sentContents++;
    facts.noteSent(attempt);
    switch (outcome.kind) {
      case 'saved':
        totals[outcome.replayed ? 'replayed' : 'saved']++;
        noteSave(attempt, outcome, facts, found);
        break;
      case 'duplicate':
        totals.duplicates++;
        facts.firstDuplicate ??= n;
        break;
      case 'refused': {
        const name = `${outcome.status} ${outcome.code}`;
        refused[name] = (refused[name] ?? 0) + 1;
        break;
      }
      case 'unknown':
        unknown[outcome.why] = (unknown[outcome.why] ?? 0) + 1;
    }
  }
  return { ...totals, refused, unknown };
}

/** An item is saved once and by one: whoever else gets its 201 was told something false. */
function noteSave(
  attempt: Attempt,
  { id, replayed }: { readonly id: string; readonly replayed: boolean },
  facts: ContentFacts,
  found: FindingList,
): void {
  const { n, content } = attempt;
  const by = identityOf(attempt);
  const first = facts.firstSave;
  if (first === null) {
    facts.firstSave = { n, id, by, onlyReplays: replayed };
    return;
  }
  const attempts = [first.n, n];
  if (first.id !== id) found.add('duplicate', () => ({ what: `201 for ${first.id} and for ${id}`, content, attempts }));
  if (first.by !== by ? first.id === id || replayed : first.id !== id) {
    const whose = first.by === by ? 'the same key' : 'different requests';
    found.add('wrongReplay', () => ({ what: `201 to ${whose} with ${first.id} and ${id}`, content, attempts }));
  } else if (first.id === id && !first.onlyReplays && !replayed) {
    found.add('wrongReplay', () => ({ what: `two 201 for ${id}, neither of them a replay`, content, attempts }));
  }
  if (!replayed) first.onlyReplays = false;
}

/** Finds answers that do not fit what is stored, or what the same request was told another time. */
export function checkAnswers(attempts: Iterable<Attempt>, book: FactBook, found: FindingList): void {
  const contentsOfRefusedKey = new Map<string, Set<string>>();
  for (const { outcome, idempotencyKey } of attempts) {
    const isReused = outcome.kind === 'refused' && outcome.code === 'idempotency-key-reused';
    if (isReused && idempotencyKey !== null) contentsOfRefusedKey.set(idempotencyKey, new Set());
  }
  for (const attempt of attempts) {
    const { content, outcome, idempotencyKey, n } = attempt;
    const facts = book.of(content);
    if (idempotencyKey !== null) contentsOfRefusedKey.get(idempotencyKey)?.add(content);
    if (outcome.kind === 'saved' && facts.isStoredOtherwise(outcome.id)) {
      const what = (): string => `201 for ${outcome.id}, stored as ${whereStored(facts)}`;
      found.add('duplicate', () => ({ what: what(), content, attempts: [n] }));
    }
    if (outcome.kind === 'duplicate') checkDuplicate(attempt, outcome.id, facts, found);
  }
  for (const [key, contents] of contentsOfRefusedKey) {
    if (contents.size > 1) continue;
    const what = `key ${key} was refused as used for another content, and there is none`;
    found.add('wrongReplay', () => ({ what, content: [...contents].join('') }));
  }
}

function checkDuplicate(attempt: Attempt, id: string, facts: ContentFacts, found: FindingList): void {
  const { content, n } = attempt;
  if (!facts.isStored || facts.isStoredOtherwise(id)) {
    const what = (): string => `409 for ${id}, stored as ${whereStored(facts)}`;
    found.add('falseDuplicate', () => ({ what: what(), content, attempts: [n] }));
  }
  const identity = identityOf(attempt);
  const { firstSave } = facts;
  if (firstSave?.by === identity) {
    const attempts = [firstSave.n, n];
    found.add('selfDuplicate', () => ({ what: `201 and 409 for ${id} to the same key`, content, attempts }));
  } else if (!facts.wasSentByAnother(identity, attempt.answeredAtMs ?? Infinity)) {
    const what = `409 for ${id}, which nobody else had sent yet`;
    found.add('selfDuplicate', () => ({ what, content, attempts: [n] }));
  }
}

function whereStored(facts: ContentFacts): string {
  const ids = new Set(facts.ids.flatMap((_, place) => facts.idsAt(place)));
  return [...ids].join(', ') || 'nothing';
}
