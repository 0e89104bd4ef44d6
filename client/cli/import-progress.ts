// Shows a person how an import gets on: a bar on a terminal, a line every few seconds elsewhere.
import type { ImportState } from './import-state.ts';

const REDRAW_MS = 200;
const LINE_MS = 5_000;
/** The rate is that of so many last redraws, about five seconds. */
const RATE_SAMPLES = 25;
const MAX_BAR_WIDTH = 20;
/** A shorter one says less than the room that it takes. */
const MIN_BAR_WIDTH = 5;

type Sample = { readonly atMs: number; readonly lines: number; readonly bytes: number };
type Stream = { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };

export class ImportProgress implements Disposable {
  readonly #state: ImportState;
  readonly #stream: Stream;
  readonly #isQuiet: boolean;
  readonly #timer: NodeJS.Timeout | undefined;
  #samples: Sample[] = [];

  constructor(state: ImportState, stream: Stream, isQuiet: boolean) {
    this.#state = state;
    this.#stream = stream;
    this.#isQuiet = isQuiet;
    this.#sample();
    if (!isQuiet) this.#timer = setInterval(() => this.#draw(), stream.isTTY === true ? REDRAW_MS : LINE_MS);
  }

  /** Says something without breaking the bar. */
  note(text: string): void {
    if (!this.#isQuiet) this.#stream.write(`${this.#stream.isTTY === true ? '\r\x1b[2K' : ''}${text}\n`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#stream.isTTY === true && !this.#isQuiet) this.#stream.write('\r\x1b[2K');
  }

  #sample(): void {
    const { lines, offsetBytes: bytes } = this.#state;
    this.#samples = [...this.#samples, { atMs: performance.now(), lines, bytes }].slice(-RATE_SAMPLES);
  }

  #draw(): void {
    this.#sample();
    if (this.#stream.isTTY !== true) return void this.#stream.write(`${progressLine(this.#state, this.#samples)}\n`);
    // A line that is longer than the terminal would scroll with each redraw.
    const width = (this.#stream.columns ?? 80) - 1;
    this.#stream.write(`\r\x1b[2K${progressLine(this.#state, this.#samples, width).slice(0, width)}`);
  }
}

/**
 * What a person sees of a state, with the rate between the first and the last sample. Where there is little room it is
 * the bar that gives way, and not the counts.
 */
export function progressLine(
  { file, offsetBytes, counts }: ImportState,
  samples: readonly Sample[],
  width = Infinity,
): string {
  const first = samples[0];
  const last = samples.at(-1);
  const seconds = first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1_000;
  const perSecond = (of: (sample: Sample) => number): number =>
    first === undefined || last === undefined || seconds === 0 ? 0 : (of(last) - of(first)) / seconds;
  const parts = [`${grouped(perSecond(({ lines }) => lines))}/s`, countsText(counts)];
  if (file === null) return [size(offsetBytes), ...parts].join('  ');
  const share = file.sizeBytes === 0 ? 1 : offsetBytes / file.sizeBytes;
  const bytesPerSecond = perSecond(({ bytes }) => bytes);
  const left = bytesPerSecond === 0 ? 'stalled' : `${duration((file.sizeBytes - offsetBytes) / bytesPerSecond)} left`;
  const text = [`${Math.floor(share * 100)}% of ${size(file.sizeBytes)}`, left, ...parts].join('  ');
  const barWidth = Math.min(MAX_BAR_WIDTH, width - text.length - '[] '.length);
  if (barWidth < MIN_BAR_WIDTH) return text;
  return `[${'#'.repeat(Math.floor(share * barWidth)).padEnd(barWidth, '-')}] ${text}`;
}

/** `replayed` is told only when there are some: few who read it have an import that was stopped. */
export function countsText({ saved, replayed, duplicates, failed }: ImportState['counts']): string {
  const again = replayed === 0 ? '' : `  replayed ${grouped(replayed)}`;
  return `saved ${grouped(saved)}${again}  duplicates ${grouped(duplicates)}  failed ${grouped(failed)}`;
}

const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');

function size(bytes: number): string {
  const unit = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(unit.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1_000 ** power).toFixed(power === 0 ? 0 : 1)} ${unit[power]}`;
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const parts = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
  const [hours = 0, ...rest] = parts;
  const shown = hours === 0 ? rest : parts;
  return shown.map((part, n) => (n === 0 ? `${part}` : `${part}`.padStart(2, '0'))).join(':');
}
