// What a save tells about itself to whoever traces it; absent where nothing is traced.
import type { CommitResult } from './ports.ts';

/**
 * Where a save is while nobody has decided about it: in the queue for the next commit, along with another request's save
 * of the same content, or in a pause after a round that decided nothing, for a lock or for the store.
 */
export type SaveWait = 'queue' | 'join' | 'lock' | 'retry';

/** The trace of one request with one save in it. Must not throw. */
export interface SaveTrace {
  /** It waits from now on; `withSave` is whose save it joined, where that one is traced too. */
  wait(why: SaveWait, withSave?: SaveTrace): void;
}

/** The trace of one round of the save path. Must not throw. */
export interface CommitTrace {
  /** Whose trace shows the round: that of the first save in it. Undefined when all of them were answered before. */
  readonly traceId: string | undefined;
  lockAsked(): void;
  lockAnswered(isGranted: boolean): void;
  ended(result: CommitResult): void;
}

export interface SaveTracer {
  /** A round begins, of so many contents, with the saves of these traces in it. Must not throw. */
  commit(traces: readonly SaveTrace[], contents: number): CommitTrace;
}
