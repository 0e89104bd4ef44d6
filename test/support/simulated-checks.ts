// What must hold of a simulated run, from what clients were answered and what the nodes hold in the end.
import { formatItemId, type ItemPosition } from '../../src/items/item.ts';

export type Answer = {
  /** Hex of the content's digest. */
  readonly content: string;
  readonly text: string;
  readonly token: string;
  readonly kind: string;
  readonly item: string | null;
};

export type Stored = {
  readonly name: string;
  readonly saved: ReadonlyMap<string, { readonly position: ItemPosition; readonly token: string }>;
};

/** One line for each thing that is wrong. `stored` is empty when the set did not come to rest: then only answers are compared. */
export function findViolations(answers: readonly Answer[], stored: readonly Stored[]): string[] {
  return [...lost(answers, stored), ...twoItems(answers), ...twoCreators(answers), ...againstItself(answers, stored)];
}

function lost(answers: readonly Answer[], stored: readonly Stored[]): string[] {
  return stored.flatMap(({ name, saved }) =>
    answers
      .filter(({ item }) => item !== null)
      .flatMap(({ content, text, token, kind, item }) => {
        const there = saved.get(content);
        const id = there === undefined ? 'nothing' : formatItemId(there.position);
        return id === item ? [] : [`lost: ${token} was answered ${kind} ${item}, node ${name} has ${id} for ${text}`];
      }),
  );
}

function twoItems(answers: readonly Answer[]): string[] {
  const byContent = Map.groupBy(answers, ({ text }) => text);
  return [...byContent].flatMap(([text, group]) => {
    const items = new Set(group.map(({ item }) => item));
    return items.size === 1 ? [] : [`two items: ${text} was acknowledged as ${[...items].join(' and ')}`];
  });
}

function twoCreators(answers: readonly Answer[]): string[] {
  const byContent = Map.groupBy(
    answers.filter(({ kind }) => kind === 'saved' || kind === 'replayed'),
    ({ text }) => text,
  );
  return [...byContent].flatMap(([text, group]) => {
    const tokens = new Set(group.map(({ token }) => token));
    return tokens.size === 1 ? [] : [`two creators: ${text} was new for ${[...tokens].join(' and ')}`];
  });
}

function againstItself(answers: readonly Answer[], stored: readonly Stored[]): string[] {
  const creators = new Map(
    answers.filter(({ kind }) => kind === 'saved').map(({ content, token }) => [content, token]),
  );
  for (const { saved } of stored) for (const [content, { token }] of saved) creators.set(content, token);
  return answers
    .filter(({ kind, content, token }) => kind === 'duplicate' && creators.get(content) === token)
    .map(({ token, item }) => `against itself: ${token} saved ${item} and was told that it is a duplicate`);
}
