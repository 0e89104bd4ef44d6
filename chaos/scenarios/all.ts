// Every scenario in the order in which they run, and what of the fault matrix is tested elsewhere or not at all.
import type { Scenario } from '../scenario.ts';
import { isInNamespace } from '../namespace.ts';
import { CUTS } from './cuts.ts';
import { INSTANCES } from './instances.ts';
import { MASTERS } from './masters.ts';
import { nemesis } from './nemesis.ts';
import { REPLICAS } from './replicas.ts';
import { ROLLING } from './rolling.ts';
import { SENTINELS } from './sentinels.ts';
import { STORES } from './stores.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...INSTANCES,
  ...ROLLING,
  ...CUTS,
  ...MASTERS,
  ...REPLICAS,
  ...SENTINELS,
  ...STORES,
  nemesis(isInNamespace()),
];

/** Rows of the matrix without a scenario, and why. */
export const NOT_HERE: readonly { readonly row: string; readonly what: string; readonly why: string }[] = [
  {
    row: '16',
    what: 'clock of a Redis node off by a minute or an hour',
    why: 'needs libfaketime and a Redis built without jemalloc',
  },
  { row: '19', what: 'Redis upgraded from 7.0 to 8.x under load', why: 'needs both versions installed' },
  { row: '21', what: 'slow, oversized and hostile HTTP', why: 'tested at the socket, not here' },
];
