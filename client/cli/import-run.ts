// Runs an import from a state on: counts results, notes failed lines, saves the state again and again.
import type { ItemsClient } from '../items-client.ts';
import type { LineResult } from '../line-request.ts';
import type { FailedLines } from './failed-lines.ts';
import { importLines, type LineTag } from './import-lines.ts';
import type { ImportState } from './import-state.ts';

export type ImportRun = {
  readonly client: ItemsClient;
  /** The bytes from `state.offsetBytes` on. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Changed in place with every result. */
  readonly state: ImportState;
  readonly failed: FailedLines;
  /** Makes the state last. */
  readonly save: (state: ImportState) => Promise<void>;
  readonly saveEveryMs: number;
  readonly signal: AbortSignal;
  readonly onInterruption?: (error: Error, pauseMs: number) => void;
};

/**
 * Ends when every line has a result. Whatever ends it before, the saved state holds exactly what the results so far
 * said: a line behind it that was sent is found saved under its number when it is sent again, so the totals of an import
 * do not depend on how often it was stopped.
 */
export async function runImport(run: ImportRun): Promise<void> {
  const { client, chunks, state, failed, saveEveryMs, signal, onInterruption } = run;
  let savedAtMs = performance.now();
  const save = async (): Promise<void> => {
    // The lines first: a state must never count one that is not in the file.
    state.failedBytes = await failed.flush();
    await run.save(state);
    savedAtMs = performance.now();
  };
  const results = client.sendLines(importLines(chunks, state), {
    idempotencyKey: state.idempotencyKey,
    first: state.nextNumber,
    minimal: true,
    signal,
    ...(onInterruption === undefined ? {} : { onInterruption }),
  });
  try {
    for await (const answered of results) {
      await count(state, answered, failed);
      if (performance.now() - savedAtMs >= saveEveryMs) await save();
    }
    state.isFinished = true;
  } finally {
    await save();
  }
}

async function count(
  state: ImportState,
  { tag, number, result }: LineResult<LineTag>,
  failed: FailedLines,
): Promise<void> {
  const { counts } = state;
  const failure = result === null ? tag.failure : result.kind === 'failed' ? result : null;
  if (failure !== null) {
    counts.failed++;
    await failed.add(tag, failure);
  } else if (result === null) counts.blank++;
  else if (result.kind === 'saved') counts.saved++;
  else if (result.kind === 'replayed') counts.replayed++;
  else counts.duplicates++;
  state.lines = tag.line;
  state.offsetBytes = tag.endBytes;
  state.nextNumber = result === null ? number : number + 1;
}
