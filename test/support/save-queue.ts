// A save queue in a world of the test's own.
import { contentKey } from '../../src/items/content.ts';
import type { Probe } from '../../src/items/fault-points.ts';
import type { SaveRequest } from '../../src/items/pending-save.ts';
import type { CommitResult } from '../../src/items/ports.ts';
import type { TokenKind } from '../../src/items/request-token.ts';
import type { SaveTrace, SaveTracer } from '../../src/items/save-trace.ts';
import { SaveQueue } from '../../src/items/save-queue.ts';
import { FakeLocks, FakeRedis, FakeStore } from './fake-store.ts';
import { VirtualClock } from './virtual-clock.ts';

export const UNREPLICATED: CommitResult = { kind: 'unknown', failure: 'not-replicated', detail: 'short_wait' };
export const LOCK_WAIT_MS = 2_000;
export const LOCK_BREAK_MS = 1_500;
export const DEADLINE_MS = 12_000;

type World = {
  maxPendingSaves?: number;
  redis?: FakeRedis;
  clock?: VirtualClock;
  /** Tells instances that share a Redis apart. */
  name?: string;
  validForMs?: number;
  random?: () => number;
  probe?: Probe;
  tracer?: SaveTracer;
};

type RequestOptions = { token?: string; kind?: TokenKind; key?: string; deadlineMs?: number; trace?: SaveTrace };

/** A queue over a store, locks and a clock that the test governs. `late` are the answers that no commit has counted. */
export function setUp(world: World = {}) {
  const { maxPendingSaves = 100, redis = new FakeRedis(), clock = new VirtualClock(), validForMs = 10_000 } = world;
  const { name = 'me', random = () => 0.5, probe, tracer } = world;
  const store = new FakeStore(redis, probe);
  const locks = new FakeLocks(redis, () => clock.nowMs(), name, validForMs);
  const seen = { joined: 0, lockLost: 0, batches: [] as number[], traces: [] as (string | undefined)[] };
  const late = { duplicates: 0, replayed: 0 };
  const queue = new SaveQueue(
    {
      store,
      locks,
      tally: {
        add(_key, { duplicates, replayed }) {
          late.duplicates += duplicates;
          late.replayed += replayed;
        },
      },
      clock,
      random,
      probe,
      tracer,
      observer: {
        joined: () => seen.joined++,
        lockLost: () => seen.lockLost++,
        committed(size, _durationMs, traceId) {
          seen.batches.push(size);
          seen.traces.push(traceId);
        },
      },
    },
    { maxPendingSaves, lockWaitMs: LOCK_WAIT_MS, lockBreakMs: LOCK_BREAK_MS, lockMarginMs: 1_500 },
  );
  let tokens = 0;
  const request = (text: string, options: RequestOptions = {}): SaveRequest => {
    const content = { kind: 'string', text } as const;
    return {
      key: contentKey(content),
      content,
      source: 'anonymous',
      token: options.key ?? options.token ?? `random-${name}-${tokens++}`,
      tokenKind: options.kind ?? (options.key === undefined ? 'random' : 'key'),
      deadlineMs: clock.nowMs() + (options.deadlineMs ?? DEADLINE_MS),
      trace: options.trace,
    };
  };
  return { clock, store, locks, redis, queue, request, seen, late };
}

/** Closes the store's gate and returns the function that opens it. */
export function holdCommits(store: FakeStore): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  store.gate = promise;
  return () => {
    store.gate = null;
    resolve();
  };
}
