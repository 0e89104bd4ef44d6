// Answers a body of lines with a body of lines while it arrives: in order, within bounded memory, at the pace of both ends.
import type { Readable, Writable } from 'node:stream';
import { OrderedWindow, type WindowLimits } from '../items/ordered-window.ts';
import { type Line, NdjsonLines } from './ndjson-lines.ts';

export type ExchangeOptions = {
  /** Calls `done`, once, with the text that answers a line; lines are numbered from 0. Must not throw. */
  readonly answer: (line: Line, index: number, done: (text: string) => void) => void;
  /** How much may wait for its answer; asked before each line, so that it can change with how many share it. */
  readonly limits: () => WindowLimits;
  readonly maxLineBytes: number;
  /** How long either end may keep us waiting without a byte. */
  readonly idleMs: number;
};

/**
 * `complete`: the input ended and every line of it is answered. `stopped`: every line that was begun is answered, and
 * some may not have been. `gone`: the other end left; what was begun is done.
 */
export type ExchangeEnd = 'complete' | 'stopped' | 'gone';

/**
 * A write is done when all of it is gone: larger ones would make a slow reader look like one who takes nothing, and the
 * answers would wait in the output in place of the window, which is bounded.
 */
const WRITE_LENGTH = 65_536;

export class NdjsonExchange {
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #options: ExchangeOptions;
  readonly #lines: NdjsonLines;
  readonly #window = new OrderedWindow<string>();
  readonly #over = Promise.withResolvers<ExchangeEnd>();
  readonly #idle: NodeJS.Timeout;
  #begun = 0;
  #end: ExchangeEnd | null = null;
  #isOver = false;
  #outputIsFull = false;
  #flushIsDue = false;

  /** Begins at once. Neither ends nor destroys either stream. */
  constructor(input: Readable, output: Writable, options: ExchangeOptions) {
    this.#input = input;
    this.#output = output;
    this.#options = options;
    this.#lines = new NdjsonLines(options.maxLineBytes);
    this.#idle = setTimeout(() => this.#idled(), options.idleMs).unref();
    input.on('readable', () => this.#pump());
    input.on('end', () => {
      this.#lines.end();
      this.#pump();
    });
    // Its connection is cut, which `close` tells of too.
    input.on('error', () => this.#finish('gone'));
    output.on('error', () => this.#finish('gone'));
    output.on('close', () => this.#finish('gone'));
    output.on('drain', () => {
      this.#outputIsFull = false;
      this.#moved();
      this.#flush();
    });
    this.#pump();
  }

  /** How it ended, once nothing is left to be answered and all answers are written. */
  get over(): Promise<ExchangeEnd> {
    return this.#over.promise;
  }

  /** Begins no further line. */
  stop(): void {
    this.#finish('stopped');
  }

  #pump(): void {
    while (this.#end === null && !this.#outputIsFull && this.#window.hasRoom(this.#options.limits())) {
      const line = this.#lines.next();
      if (line !== undefined) {
        this.#begin(line);
        continue;
      }
      const piece = this.#input.read() as Buffer | null;
      if (piece === null) {
        if (this.#input.readableEnded) this.#finish('complete');
        return;
      }
      this.#moved();
      this.#lines.push(piece);
    }
  }

  #begin(line: Line): void {
    const slot = this.#window.reserve(line === null ? 0 : line.length);
    this.#options.answer(line, this.#begun++, (text) => {
      slot.answer = text;
      if (this.#window.isReady) this.#flushSoon();
    });
  }

  /** The saves of one commit are answered together; in the next turn of the event loop they leave in one write. */
  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    setImmediate(() => {
      this.#flushIsDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#window.isReady && (!this.#outputIsFull || this.#end === 'gone')) {
      const text = this.#takeText();
      if (this.#end !== 'gone') this.#outputIsFull = !this.#output.write(text);
    }
    if (this.#end === null) this.#pump();
    this.#settle();
  }

  /** Answers that are known, as many as make a write. */
  #takeText(): string {
    let text = '';
    for (let answer = this.#window.take(); answer !== undefined; answer = this.#window.take()) {
      text += answer;
      if (text.length >= WRITE_LENGTH) break;
    }
    return text;
  }

  #finish(end: ExchangeEnd): void {
    if (this.#end !== null && end !== 'gone') return;
    this.#end = end;
    this.#flush();
  }

  #settle(): void {
    if (this.#end === null || this.#isOver || !this.#window.isEmpty) return;
    if (this.#outputIsFull && this.#end !== 'gone') return;
    this.#isOver = true;
    clearTimeout(this.#idle);
    this.#over.resolve(this.#end);
  }

  #moved(): void {
    if (!this.#isOver) this.#idle.refresh();
  }

  #idled(): void {
    if (this.#outputIsFull) this.#finish('gone');
    // Only an empty window waits for the client; one that is not waits for the store, which has a deadline of its own.
    else if (this.#window.isEmpty) this.stop();
    this.#moved();
  }
}
