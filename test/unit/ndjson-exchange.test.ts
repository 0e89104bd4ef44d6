// The pace of an exchange of lines, over streams whose pace the test decides.
import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { NdjsonExchange } from '../../src/http/ndjson-exchange.ts';

const IDLE_MS = 30_000;
const LINES = 100;
const ANSWER = `${'x'.repeat(50_000)}\n`;

afterEach(() => vi.useRealTimers());

test('a reader that takes little at a time, but takes it, is not left', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let taken = 0;
  // Takes 100 KB in 10 s, as a socket does: a write is done when all of it is gone.
  const output = new Writable({
    write(piece: Buffer, _encoding, done) {
      setTimeout(
        () => {
          taken += piece.length;
          done();
        },
        Math.ceil(piece.length / 10),
      );
    },
  });
  const input = new PassThrough();
  const waiting: ((text: string) => void)[] = [];
  const exchange = new NdjsonExchange(input, output, {
    limits: () => ({ count: LINES, bytes: 1_000_000 }),
    maxLineBytes: 100,
    idleMs: IDLE_MS,
    answer: (_line, _index, done) => waiting.push(done),
  });
  input.end('line\n'.repeat(LINES));
  await once(input, 'end');
  // All of them are known at once, which is 5 MB to be taken.
  for (const done of waiting) done(ANSWER);
  const ends: string[] = [];
  void exchange.over.then((end) => ends.push(end));
  for (let s = 0; s < 600 && ends.length === 0; s++) {
    await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(ends).toEqual(['complete']);
  await vi.advanceTimersByTimeAsync(IDLE_MS);
  expect(taken).toBe(LINES * ANSWER.length);
});
