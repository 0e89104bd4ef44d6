// Choices that a seed repeats: the same seed picks the same victims and times.
import { seededRandom } from './random.ts';

export class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed);
  }

  /** From `min` up to `max`. */
  between(min: number, max: number): number {
    return min + this.#next() * (max - min);
  }

  /** One of them; throws when there is none. */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('There is nothing to pick from.');
    return list[Math.floor(this.#next() * list.length)] as T;
  }

  /** All of them in random order; the first one is there. Throws when there is none. */
  deal<T>(list: readonly T[]): [T, ...T[]] {
    const [first, ...others] = this.shuffle(list);
    if (first === undefined) throw new Error('There is nothing to deal.');
    return [first, ...others];
  }

  shuffle<T>(list: readonly T[]): T[] {
    const placed = list.map((value) => ({ value, at: this.#next() }));
    return placed.toSorted((a, b) => a.at - b.at).map(({ value }) => value);
  }
}
