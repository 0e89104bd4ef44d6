// Every scenario, in the order of the page.
import type { Scenario } from '../scenario.ts';
import { acks } from './acks.ts';
import { batches } from './batches.ts';
import { bytes } from './bytes.ts';
import { connections, duplicates, floor, halfLoad, main, sizes } from './comparisons.ts';
import { failover } from './failover.ts';
import { indexBuckets } from './index-buckets.ts';
import { instances } from './instances.ts';
import { reads } from './reads.ts';
import { soak } from './soak.ts';
import { stored } from './stored.ts';
import { stores } from './stores.ts';

export const SCENARIOS: readonly Scenario[] = [
  main,
  floor,
  connections,
  halfLoad,
  duplicates,
  sizes,
  batches,
  acks,
  instances,
  reads,
  stores,
  stored,
  bytes,
  indexBuckets,
  failover,
  soak,
];
