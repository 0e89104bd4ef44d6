// Answers one request of lines: the items are saved while they arrive, and each is answered with a line of its own.
import { isUtf8 } from 'node:buffer';
import { constants, Http2ServerResponse } from 'node:http2';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Content } from '../items/content.ts';
import type { WindowLimits } from '../items/ordered-window.ts';
import type { BatchResult } from './batch-result.ts';
import type { BatchSave } from './batch-save.ts';
import { allowLongBody } from './body-timeout.ts';
import { readContent } from './item-body.ts';
import { LINGER_MS, MAX_BODY_BYTES, STREAM_IDLE_MS } from './limits.ts';
import { type ExchangeEnd, NdjsonExchange } from './ndjson-exchange.ts';
import type { Line } from './ndjson-lines.ts';
import { ProblemError } from './problems.ts';

export const NDJSON = 'application/x-ndjson';

/** Sends the head and begins. The reply is not Fastify's any more. */
export function beginExchange(
  request: FastifyRequest,
  reply: FastifyReply,
  items: BatchSave,
  limits: () => WindowLimits,
): NdjsonExchange {
  reply.hijack();
  allowLongBody(request);
  reply.raw.writeHead(200, { ...reply.getHeaders(), 'content-type': NDJSON } as Record<string, string>);
  // At once: a client may wait for it before it sends, and a proxy may hold it back until there is something behind it.
  reply.raw.flushHeaders();
  return new NdjsonExchange(request.raw, reply.raw, {
    limits,
    maxLineBytes: MAX_BODY_BYTES,
    idleMs: STREAM_IDLE_MS,
    answer: (line, index, done) => items.save(() => readLine(line), index, asLine(done)),
  });
}

/**
 * Ends the connection without ending the answer, so that the client knows that there would have been more. Over HTTP/2 it
 * is the stream that ends so.
 */
export function cutOff({ raw: input }: FastifyRequest, { raw: output }: FastifyReply, end: ExchangeEnd): void {
  // What the client is still sending is read away: unread, it would reset the connection under the answer.
  input.removeAllListeners('readable').resume();
  if (output instanceof Http2ServerResponse) {
    const { stream } = output;
    // Behind what was written: a reset takes back what is not sent.
    if (end === 'stopped' && stream.writable) stream.write('', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    else stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  } else if (end === 'stopped') {
    input.socket.end();
    setTimeout(() => input.socket.destroy(), LINGER_MS).unref();
  } else {
    input.socket.destroy();
  }
}

/** By itself, so that it does not keep the line in memory until that is answered. */
function asLine(done: (text: string) => void): (result: BatchResult) => void {
  return (result) => done(`${JSON.stringify(result)}\n`);
}

function readLine(line: Line): Content {
  if (line === null) throw new ProblemError('payload-too-large', `a line may have at most ${MAX_BODY_BYTES} bytes`);
  // Decoding would turn every wrong byte into U+FFFD, and different contents into the same one.
  if (!isUtf8(line)) throw new ProblemError('malformed-json', 'the line is not valid UTF-8');
  const text = line.toString();
  if (text.trim() === '') throw new ProblemError('malformed-json', 'the line is empty');
  return readContent(text);
}
