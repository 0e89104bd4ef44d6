// items import: sends a file of lines, and goes on where an earlier call stopped.
import { randomUUID } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, type Context, EXIT, onlyArgument, textOf, UsageError } from './command.ts';
import { FailedLines } from './failed-lines.ts';
import { lockImport } from './import-lock.ts';
import { countsText, ImportProgress } from './import-progress.ts';
import { runImport } from './import-run.ts';
import {
  type FileMark,
  type ImportState,
  isSameFile,
  markOf,
  newState,
  obstacle,
  readState,
  writeState,
} from './import-state.ts';

const SAVE_EVERY_MS = 1_000;
const CHUNK_BYTES = 262_144;

export const importItems: Command = {
  summary: 'Saves every line of a file. Called again after it was stopped or killed, it goes on where it was.',
  usage: '(FILE | -) [options]',
  help: `  --raw-lines         each line is a text to save, not JSON of the form {"content": …}
  --state FILE        how far the import has come (FILE.items-import.json)
  --failed FILE       the lines that could not be saved, and why (FILE.failed.ndjson)
  --restart           begin at the first line whatever an earlier call left
  --quiet             no progress`,
  options: {
    'raw-lines': { type: 'boolean', default: false },
    state: { type: 'string' },
    failed: { type: 'string' },
    restart: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
  deadlineSeconds: 120,
  async run(context) {
    const path = onlyArgument(context, 'FILE');
    return path === '-' ? await importStdin(context) : await importFile(context, resolve(path));
  },
};

async function importFile(context: Context, path: string): Promise<number> {
  const { values, url } = context;
  const statePath = textOf(values, 'state') ?? `${path}.items-import.json`;
  const failedPath = textOf(values, 'failed') ?? `${path}.failed.ndjson`;
  const own = [path, resolve(statePath), resolve(failedPath)];
  if (new Set(own).size < own.length) throw new UsageError('FILE, --state and --failed must be three files.');
  await using held = new AsyncDisposableStack();
  const file = held.use(await open(path));
  held.use(await lockImport(`${statePath}.lock`));
  const given = { url, mode: modeOf(context), file: await markOf(file) };
  const state = await stateFor(context, statePath, given);
  return await run(context, state, chunksOf(file, given.file, state.offsetBytes), failedPath, (now) =>
    writeState(statePath, now),
  );
}

/** Throws at the end when the file is not the one that was begun: what was read of it is then a mixture, or a part. */
async function* chunksOf(file: FileHandle, mark: FileMark, start: number): AsyncGenerator<Uint8Array> {
  const end = mark.sizeBytes - 1;
  const options = { start, end, highWaterMark: CHUNK_BYTES, autoClose: false };
  if (start <= end) yield* file.createReadStream(options) as AsyncIterable<Uint8Array>;
  if (isSameFile(await markOf(file), mark)) return;
  throw new UsageError('The file was changed while it was imported. --restart imports it as it is now.');
}

async function importStdin(context: Context): Promise<number> {
  const { values, url } = context;
  if (textOf(values, 'state') !== undefined) throw new UsageError('What comes from "-" cannot be resumed: no --state.');
  const state = newState({ url, mode: modeOf(context), file: null, idempotencyKey: randomUUID() });
  const failedPath = textOf(values, 'failed') ?? 'stdin.failed.ndjson';
  return await run(context, state, process.stdin, failedPath, async () => {});
}

async function stateFor(
  { values, output }: Context,
  path: string,
  given: Pick<ImportState, 'url' | 'mode' | 'file'>,
): Promise<ImportState> {
  const fresh = newState({ ...given, idempotencyKey: randomUUID() });
  const left = values['restart'] === true ? null : await readState(path);
  if (left === null) return fresh;
  const isQuiet = values['quiet'] === true;
  if (left.isFinished) {
    if (!isQuiet) output.say('This file was imported before; importing it again.');
    return fresh;
  }
  const why = obstacle(left, given);
  if (why !== null) {
    throw new UsageError(`An import that was begun (${path}) cannot go on: ${why}. --restart begins a new one.`);
  }
  if (!isQuiet) output.say(`Going on behind line ${left.lines}.`);
  return left;
}

async function run(
  { client, output, values, signal }: Context,
  state: ImportState,
  chunks: AsyncIterable<Uint8Array>,
  failedPath: string,
  save: (state: ImportState) => Promise<void>,
): Promise<number> {
  const isQuiet = values['quiet'] === true;
  const startedAtMs = performance.now();
  const failed = await FailedLines.open(failedPath, state.failedBytes);
  let canGoOn = state.file !== null;
  try {
    // Before the first line: should this run die at once, the next one must know its key.
    await save(state);
    using progress = new ImportProgress(state, process.stderr, isQuiet);
    await runImport({
      client,
      chunks,
      state,
      failed,
      save,
      saveEveryMs: SAVE_EVERY_MS,
      signal,
      onInterruption: (error, pauseMs) =>
        progress.note(`${error.message}; going on behind line ${state.lines} in ${(pauseMs / 1_000).toFixed(1)} s.`),
    });
  } catch (error) {
    if (error instanceof UsageError) canGoOn = false;
    throw error;
  } finally {
    await failed.close();
    const { counts, lines, offsetBytes: bytes, isFinished: finished } = state;
    const seconds = Math.round(performance.now() - startedAtMs) / 1_000;
    const failedFile = counts.failed === 0 ? null : failedPath;
    if (output.isJson) await output.json({ finished, lines, bytes, ...counts, seconds, failedFile });
    else if (!isQuiet) {
      output.say(`${finished ? 'Done' : 'Stopped'} behind line ${lines}: ${countsText(counts)}`);
      if (failedFile !== null) output.say(`Lines that could not be saved: ${failedFile}`);
      if (!finished && canGoOn) output.say('The same command goes on from here.');
    }
  }
  return state.counts.failed === 0 ? EXIT.ok : EXIT.failed;
}

const modeOf = ({ values }: Context): ImportState['mode'] =>
  values['raw-lines'] === true ? 'raw-lines' : 'json-lines';
