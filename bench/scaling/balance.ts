// How evenly digests spread over partitions and buckets: simulated, the same on each run.

/** Numbers from 0 up to 1 that look random and are the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** From here on a count is drawn from the normal distribution, corrected for its skew; below, item by item. */
const LARGE_MEAN = 100;

/** How many of `items` digests each of `places` gets. */
export function loadsOf(items: number, places: number, random: () => number): Float64Array {
  const mean = items / places;
  if (mean >= LARGE_MEAN) return Float64Array.from({ length: places }, () => drawAround(mean, random));
  const loads = new Float64Array(places);
  for (let i = 0; i < items; i++) {
    const place = Math.floor(random() * places);
    loads[place] = (loads[place] ?? 0) + 1;
  }
  return loads;
}

function drawAround(mean: number, random: () => number): number {
  const z = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.max(0, Math.round(mean + Math.sqrt(mean) * z + (z * z - 1) / 6));
}

export type Balance = { readonly mean: number; readonly smallest: number; readonly largest: number };

/** The even share, and the smallest and the largest that some place got in any of `runs` simulations. */
export function balanceOf(items: number, places: number, runs: number, seed = 1): Balance {
  const random = randomFrom(seed);
  let [smallest, largest] = [Number.POSITIVE_INFINITY, 0];
  for (let run = 0; run < runs; run++) {
    for (const load of loadsOf(items, places, random)) {
      smallest = Math.min(smallest, load);
      largest = Math.max(largest, load);
    }
  }
  return { mean: items / places, smallest, largest };
}

/** How many items it takes until some place has more than `limit`; items are put in one after the other. */
export function itemsUntilOver(limit: number, places: number, seed = 1): number {
  const random = randomFrom(seed);
  const loads = new Uint32Array(places);
  for (let items = 1; ; items++) {
    const place = Math.floor(random() * places);
    const load = (loads[place] ?? 0) + 1;
    loads[place] = load;
    if (load > limit) return items;
  }
}

/** Values of the 16 bits of a digest that choose its partition. */
const PARTITION_VALUES = 65_536;

/** By how much the largest partition is above the even share, for ever so many items: the remainder of 65,536 ÷ `partitions`. */
export function partitionBias(partitions: number): number {
  return (Math.ceil(PARTITION_VALUES / partitions) * partitions) / PARTITION_VALUES - 1;
}
