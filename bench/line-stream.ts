// One long body of lines to an instance, over HTTP: how fast it goes and how much memory the instance takes.
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { cpuSeconds, residentBytes } from './cpu.ts';

const PIECE_BYTES = 65_536;
const WATCH_EVERY_MS = 100;

export type LineStream = {
  /** Whom lines are sent to. */
  readonly url: string;
  /** Whose work is counted. */
  readonly instancePid: number;
  readonly lines: number;
  readonly lineBytes: number;
  /** One of so many lines is a content that no line before it had. */
  readonly newEvery: number;
  /** At the beginning of every content; 9 letters at most. */
  readonly seed?: string;
};

export type LineStreamResult = {
  readonly status: number | undefined;
  readonly complete: boolean;
  readonly lines: number;
  readonly saved: number;
  readonly duplicates: number;
  readonly failed: number;
  readonly seconds: number;
  readonly cpuMicrosecondsPerLine: number;
  readonly peakMemoryBytes: number;
};

export async function sendLines(stream: LineStream): Promise<LineStreamResult> {
  const { url, instancePid } = stream;
  let peakMemoryBytes = 0;
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      peakMemoryBytes = Math.max(peakMemoryBytes, residentBytes(instancePid));
      await setTimeout(WATCH_EVERY_MS);
    }
  };
  const watching = watch();
  const cpuBefore = cpuSeconds(instancePid);
  const startedMs = performance.now();
  const outgoing = request(`${url}/v1/items/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', prefer: 'return=minimal' },
  });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  const sending = pipeline(Readable.from(body(stream)), outgoing);
  const [answer] = await answered;
  const totals = await count(answer);
  await sending;
  const seconds = (performance.now() - startedMs) / 1_000;
  over.abort();
  await watching;
  return {
    status: answer.statusCode,
    complete: answer.complete,
    ...totals,
    seconds,
    cpuMicrosecondsPerLine: ((cpuSeconds(instancePid) - cpuBefore) / totals.lines) * 1e6,
    peakMemoryBytes,
  };
}

/** Every line has its length from a filling that is the same in all of them. */
function* body({ lines, lineBytes, newEvery, seed = '' }: LineStream): Generator<string> {
  const filling = 'x'.repeat(Math.max(0, lineBytes - `{"content":"${seed}000000000 "}\n`.length));
  let piece = '';
  for (let n = 0; n < lines; n++) {
    piece += `{"content":"${seed}${String(Math.floor(n / newEvery)).padStart(9, '0')} ${filling}"}\n`;
    if (piece.length < PIECE_BYTES) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

type Totals = Pick<LineStreamResult, 'lines' | 'saved' | 'duplicates' | 'failed'>;

/** Counts the result lines by their status, without holding them. */
async function count(results: IncomingMessage): Promise<Totals> {
  const totals = { lines: 0, saved: 0, duplicates: 0, failed: 0 };
  let rest = '';
  results.setEncoding('latin1');
  for await (const piece of results as AsyncIterable<string>) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      totals.lines++;
      if (line.startsWith('{"status":201')) totals.saved++;
      else if (line.startsWith('{"status":409,"code":"duplicate-item"')) totals.duplicates++;
      else if (totals.failed++ === 0) console.log(`The first failure: ${line.slice(0, 300)}`);
    }
  }
  return totals;
}
