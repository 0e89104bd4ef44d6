// Sends a long body of lines through one instance, over HTTP, and says how fast it went and how much memory it took.
//
//   node bench/stream.ts                               1 GiB in lines of 1,000 bytes, a fifth of them new contents
//   node bench/stream.ts --megabytes 50 --bytes 100    50 MB of small items
//   node bench/stream.ts --nginx                       through nginx; without it, straight to the instance
//
// The system is a local stack with one instance: Redis with two replicas that all have a save before it is answered.
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startStack } from '../stack/stack.ts';

const PIECE_BYTES = 65_536;

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1074' },
    bytes: { type: 'string', default: '1000' },
    /** One of so many lines is a content that no line before it had. */
    newEvery: { type: 'string', default: '5' },
    nginx: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const lineBytes = Number(values.bytes);
const newEvery = Number(values.newEvery);
const lineCount = Math.ceil((Number(values.megabytes) * 1e6) / lineBytes);

/** The body: every line has its length from a filling that is the same in all of them. */
function* body(): Generator<string> {
  const filling = 'x'.repeat(Math.max(0, lineBytes - '{"content":"000000000 "}\n'.length));
  let piece = '';
  for (let n = 0; n < lineCount; n++) {
    piece += `{"content":"${String(Math.floor(n / newEvery)).padStart(9, '0')} ${filling}"}\n`;
    if (piece.length < PIECE_BYTES) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

type Totals = { lines: number; saved: number; duplicates: number; failed: number };

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

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
}

const dir = await mkdtemp(join(tmpdir(), 'items-bench-'));
try {
  await using stack = await startStack({
    dir,
    instances: 1,
    env: { LOG_LEVEL: 'warn' },
  });
  const [instance] = stack.instances;
  if (instance === undefined) throw new Error('the stack has no instance');
  let peakBytes = 0;
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      peakBytes = Math.max(peakBytes, await metric(instance.url, 'process_resident_memory_bytes'));
      await setTimeout(100);
    }
  };
  const watching = watch();
  const cpuBefore = await metric(instance.url, 'process_cpu_seconds_total');
  const startedMs = performance.now();
  const outgoing = request(`${values.nginx ? stack.url : instance.url}/v1/items/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', prefer: 'return=minimal' },
  });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  const sending = pipeline(Readable.from(body()), outgoing);
  const [answer] = await answered;
  const totals = await count(answer);
  await sending;
  const seconds = (performance.now() - startedMs) / 1_000;
  over.abort();
  await watching;
  const cpuSeconds = (await metric(instance.url, 'process_cpu_seconds_total')) - cpuBefore;
  console.log({
    status: answer.statusCode,
    complete: answer.complete,
    ...totals,
    seconds: Math.round(seconds * 10) / 10,
    linesPerSecond: Math.round(totals.lines / seconds),
    cpuMicrosecondsPerLine: Math.round((cpuSeconds / totals.lines) * 1e7) / 10,
    peakMemoryMegabytes: Math.round(peakBytes / 1e6),
  });
} finally {
  await rm(dir, { recursive: true, force: true });
}
