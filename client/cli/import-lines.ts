// Reads the lines of an import, and makes of each what is sent.
import { isUtf8 } from 'node:buffer';
import { type Line, LineSplitter } from '../line-splitter.ts';
import type { OutLine } from '../line-window.ts';
import type { ImportState } from './import-state.ts';

/** What the service takes as a line of a stream. */
const MAX_LINE_BYTES = 409_600;
/** Of a line that fails, so much is kept for whoever mends it. */
const MAX_KEPT_BYTES = 409_600;

export type LocalFailure = { readonly code: string; readonly detail: string };

export type LineTag = {
  /** From 1. */
  readonly line: number;
  /** Where the next line begins. */
  readonly endBytes: number;
  readonly bytes: Uint8Array;
  /** Why the line was not sent, `null` for one that was sent or is blank. */
  readonly failure: LocalFailure | null;
};

/** The lines from where the state stands; `chunks` begin there too. */
export async function* importLines(
  chunks: AsyncIterable<Uint8Array>,
  { mode, offsetBytes, lines }: Pick<ImportState, 'mode' | 'offsetBytes' | 'lines'>,
): AsyncGenerator<OutLine<LineTag>, void, undefined> {
  const splitter = new LineSplitter(MAX_LINE_BYTES);
  let line = lines;
  let endBytes = offsetBytes;
  const toOut = (read: Line): OutLine<LineTag> => {
    line++;
    endBytes += read.sizeBytes;
    const bytes = read.bytes;
    const sent = isBlank(bytes) ? null : toBody(read, mode);
    const failure = sent !== null && 'code' in sent ? sent : null;
    const tag = { line, endBytes, bytes: bytes.subarray(0, MAX_KEPT_BYTES), failure };
    return { bytes: sent === null || 'code' in sent ? null : sent, heldBytes: tag.bytes.length, tag };
  };
  for await (const chunk of chunks) for (const read of splitter.push(chunk)) yield toOut(read);
  const last = splitter.end();
  if (last !== null) yield toOut(last);
}

function toBody({ bytes, isTooLong }: Line, mode: ImportState['mode']): Uint8Array | LocalFailure {
  if (isTooLong) return { code: 'payload-too-large', detail: `a line has at most ${MAX_LINE_BYTES} bytes` };
  // The service judges JSON itself, byte for byte.
  if (mode === 'json-lines') return bytes;
  if (!isUtf8(bytes)) return { code: 'malformed-json', detail: 'the line is not UTF-8' };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  return Buffer.from(JSON.stringify({ content: text.endsWith('\r') ? text.slice(0, -1) : text }));
}

/** Nothing but white space as JSON has it. */
function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 32 || byte === 9 || byte === 13);
}
