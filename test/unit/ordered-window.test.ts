// Answers leave in the order of their questions, and no more of them wait than the window allows.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { OrderedWindow, type Slot } from '../../src/items/ordered-window.ts';

function takeAll<T>(window: OrderedWindow<T>): T[] {
  const taken: T[] = [];
  for (let next = window.take(); next !== undefined; next = window.take()) taken.push(next);
  return taken;
}

test('whatever the order in which answers come, they are taken in the order of the questions, each once', () => {
  const steps = fc.array(fc.oneof(fc.constant('ask' as const), fc.constant('take' as const), fc.nat()), {
    maxLength: 5_000,
    size: 'max',
  });
  fc.assert(
    fc.property(steps, (plan) => {
      const window = new OrderedWindow<number>();
      const open: { slot: Slot<number>; n: number }[] = [];
      const taken: number[] = [];
      let asked = 0;
      for (const step of plan) {
        if (step === 'ask') open.push({ slot: window.reserve(1), n: asked++ });
        else if (step === 'take') taken.push(...takeAll(window));
        else for (const { slot, n } of open.splice(step % (open.length + 1), 1)) slot.answer = n;
      }
      for (const { slot, n } of open) slot.answer = n;
      taken.push(...takeAll(window));
      expect(taken).toEqual(Array.from({ length: asked }, (_, n) => n));
      expect(window.isEmpty).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('it is full by count or by bytes, until answers are taken', () => {
  const window = new OrderedWindow<string>();
  const limits = { count: 3, bytes: 100 };
  const first = window.reserve(10);
  expect(window.hasRoom(limits)).toBe(true);
  const second = window.reserve(90);
  expect(window.hasRoom(limits)).toBe(false);
  second.answer = 'b';
  expect(window.isReady).toBe(false);
  expect(window.take()).toBeUndefined();
  expect(window.hasRoom(limits)).toBe(false);
  first.answer = 'a';
  expect(window.isReady).toBe(true);
  expect(takeAll(window)).toEqual(['a', 'b']);
  for (const n of [1, 2, 3]) {
    expect(window.hasRoom(limits), `${n}`).toBe(true);
    window.reserve(0);
  }
  expect(window.hasRoom(limits)).toBe(false);
});

test('an empty window takes one question of any size', () => {
  const window = new OrderedWindow<string>();
  expect(window.hasRoom({ count: 1, bytes: 0 })).toBe(true);
  window.reserve(1_000_000);
  expect(window.hasRoom({ count: 2, bytes: 1_000 })).toBe(false);
});
