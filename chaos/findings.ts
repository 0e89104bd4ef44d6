// What a checker found: counted in full, with a few examples of each kind for people to read.
import type { Attempt, Outcome } from './attempt.ts';

/** Every way in which a run can be wrong, with what it means. */
export const FINDING_KINDS = {
  lost: 'acknowledged by a 201 or 409, and absent',
  duplicate: 'one content stored twice, or acknowledged under different ids',
  falseDuplicate: 'a 409 that names an item which does not hold this content',
  wrongReplay: 'a 201 to somebody who did not save the item, or a retry answered unlike the first time',
  selfDuplicate: 'a 409 to the very request that saved the item',
  phantom: 'stored, and never sent',
  indexFault: 'log, index and counts of one node do not fit each other',
  differingNodes: 'two nodes hold different data',
} as const;

export type FindingKind = keyof typeof FINDING_KINDS;

export type Finding = {
  /** One sentence. */
  readonly what: string;
  readonly content?: string;
  /** Numbers of the attempts that show it. */
  readonly attempts?: readonly number[];
};

export type Totals = {
  readonly attempts: number;
  readonly contents: number;
  readonly saved: number;
  readonly replayed: number;
  readonly duplicates: number;
  /** By status and code, as "503 not-replicated". */
  readonly refused: Readonly<Record<string, number>>;
  readonly unknown: Readonly<Record<string, number>>;
  /** Items by place: each node, and the listing. */
  readonly stored: Readonly<Record<string, number>>;
};

export type Findings = {
  /** Nothing was found. */
  readonly clean: boolean;
  readonly counts: Readonly<Record<FindingKind, number>>;
  readonly examples: Readonly<Record<FindingKind, readonly Finding[]>>;
  /** Those that the examples speak of, by number. */
  readonly attempts: ReadonlyMap<number, Attempt>;
  readonly totals: Totals;
};

const KINDS = Object.keys(FINDING_KINDS) as readonly FindingKind[];
const MAX_EXAMPLES = 20;
const MAX_CONTENT_LENGTH = 80;

/** Counts findings, and keeps the first of each kind. */
export class FindingList {
  readonly counts = byKind(() => 0);
  readonly examples = byKind((): Finding[] => []);

  /** `make` is called for those only that are kept: a run with a check taken out has a million of them. */
  add(kind: FindingKind, make: () => Finding): void {
    if (this.counts[kind]++ < MAX_EXAMPLES) this.examples[kind].push(make());
  }

  get clean(): boolean {
    return KINDS.every((kind) => this.counts[kind] === 0);
  }

  /** Numbers of the attempts that the examples speak of. */
  attemptNumbers(): Set<number> {
    return new Set(KINDS.flatMap((kind) => this.examples[kind]).flatMap(({ attempts = [] }) => attempts));
  }
}

/** The findings for people: totals, then the count of every kind and at most `examples` of each. */
export function renderFindings(findings: Findings, examples = 5): string {
  const { totals, counts } = findings;
  const lines = [
    `${totals.attempts} requests with ${totals.contents} contents: ${totals.saved} saved, ${totals.replayed} replayed, ` +
      `${totals.duplicates} duplicates, refused: ${tally(totals.refused)}, unknown: ${tally(totals.unknown)}`,
    `stored: ${tally(totals.stored)}`,
    ...KINDS.flatMap((kind) => [
      `${kind}: ${counts[kind]}${counts[kind] === 0 ? '' : ` (${FINDING_KINDS[kind]})`}`,
      ...findings.examples[kind].slice(0, examples).flatMap((finding) => renderFinding(finding, findings.attempts)),
    ]),
  ];
  return lines.join('\n');
}

function renderFinding({ what, content, attempts = [] }: Finding, known: ReadonlyMap<number, Attempt>): string[] {
  return [
    `  - ${what}${content === undefined ? '' : `: ${shortened(content)}`}`,
    ...attempts.map((n) => {
      const attempt = known.get(n);
      return attempt === undefined ? `      attempt ${n}` : `      ${renderAttempt(attempt)}`;
    }),
  ];
}

function renderAttempt({ n, client, idempotencyKey, sentAtMs, answeredAtMs, outcome }: Attempt): string {
  const tookMs = answeredAtMs === null ? '' : ` after ${(answeredAtMs - sentAtMs).toFixed(1)} ms`;
  const key = idempotencyKey === null ? 'no key' : `key ${idempotencyKey}`;
  const sentAt = new Date(sentAtMs).toISOString();
  return `attempt ${n} of client ${client}, ${key}, sent ${sentAt}: ${renderOutcome(outcome)}${tookMs}`;
}

function renderOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'saved':
      return `201 ${outcome.replayed ? 'replayed ' : ''}${outcome.id}`;
    case 'duplicate':
      return `409 duplicate ${outcome.id}`;
    case 'refused':
      return `${outcome.status} ${outcome.code}`;
    case 'unknown':
      return `unknown (${outcome.why})`;
  }
}

function tally(counts: Readonly<Record<string, number>>): string {
  return (
    Object.entries(counts)
      .map(([name, n]) => `${n} × ${name}`)
      .join(', ') || 'none'
  );
}

function shortened(content: string): string {
  const text = JSON.stringify(content);
  return text.length <= MAX_CONTENT_LENGTH ? text : `${text.slice(0, MAX_CONTENT_LENGTH)}… (${content.length} units)`;
}

function byKind<T>(make: () => T): Record<FindingKind, T> {
  return Object.fromEntries(KINDS.map((kind) => [kind, make()])) as Record<FindingKind, T>;
}
