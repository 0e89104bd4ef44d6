// The contents of a run follow from its seed, and hold every case that a run is meant to try.
import { expect, test } from 'vitest';
import { digestOf } from '../../chaos/check-index.ts';
import { bodyOf, isJson } from '../../chaos/content-form.ts';
import { contentText, planLoad, type PlannedRequest } from '../../chaos/load-plan.ts';
import { readContent } from '../../src/http/item-body.ts';
import { contentKey } from '../../src/items/content.ts';

function plan(seed: number, steps: number, clients = 8): (readonly PlannedRequest[])[] {
  return planLoad(seed, clients).take(steps).toArray();
}

const keyOf = (text: string, otherwise: boolean) => contentKey(readContent(bodyOf(text, otherwise))).hex;

function keysOf(sent: readonly PlannedRequest[]): (string | null)[] {
  return sent.map((request) => request.idempotencyKey);
}

test('the same seed plans the same requests, another one plans others', () => {
  expect(plan(7, 2_000)).toEqual(plan(7, 2_000));
  const contents = (seed: number): Set<string> =>
    new Set(plan(seed, 2_000).flatMap((step) => step.map((r) => r.content)));
  expect(contents(7).isDisjointFrom(contents(8))).toBe(true);
});

test('every content is another one, and one that the service takes', () => {
  const texts = Array.from({ length: 20_000 }, (_, n) => contentText(1, n, (n * 0.618) % 1));
  expect(new Set(texts).size).toBe(texts.length);
  // However it is spelled, and under the digest that the checker looks for.
  expect(texts.filter((text) => keyOf(text, false) !== digestOf(text) || keyOf(text, true) !== digestOf(text))).toEqual(
    [],
  );
  const values = texts.filter(isJson);
  expect(values.length).toBeGreaterThan(1_000);
  for (const text of values.slice(0, 10)) expect(bodyOf(text, true)).not.toBe(bodyOf(text, false));
  // What must not be ignored: case, a space at the end, the form of a letter.
  expect(new Set(texts.map((text) => text.normalize('NFC').trim().toLowerCase())).size).toBeLessThan(texts.length);
  expect(texts.some((text) => text.length > 10_000)).toBe(true);
});

test('a plan has new contents, races, repeats, replays and impatient clients', () => {
  const steps = plan(3, 20_000);
  const requests = steps.flat();
  const racing = steps.filter((step) => step.length > 1);
  const byContent = Map.groupBy(requests, ({ content }) => content);
  const shareOf = (count: number): number => count / steps.length;
  const races = racing.filter((step) => new Set(step.map(({ client }) => client)).size === step.length);
  expect(shareOf(races.length)).toBeGreaterThan(0.05);
  expect(races.every((step) => new Set(step.map(({ content }) => content)).size === 1)).toBe(true);
  // Two keys for one content at once, and a key next to none.
  expect(races.some((step) => new Set(keysOf(step)).size > 2)).toBe(true);
  const impatient = racing.filter(([a, b]) => a === b);
  expect(shareOf(impatient.length)).toBeGreaterThan(0.02);
  expect(impatient.every(([request]) => request?.idempotencyKey !== null)).toBe(true);
  const once = [...byContent.values()].filter((sent) => sent.length === 1);
  expect(shareOf(once.length)).toBeGreaterThan(0.5);
  const withKey = requests.filter((request) => request.idempotencyKey !== null);
  expect(withKey.length / requests.length).toBeGreaterThan(0.4);
  expect(withKey.length / requests.length).toBeLessThan(0.7);
  expect(new Set(requests.map(({ client }) => client)).size).toBe(8);
});

test('a key is used by one client for one content', () => {
  const uses = Map.groupBy(plan(4, 20_000).flat(), (request) => request.idempotencyKey);
  uses.delete(null);
  for (const requests of uses.values()) {
    expect(new Set(requests.map(({ client, content }) => `${client} ${content}`)).size).toBe(1);
  }
});
