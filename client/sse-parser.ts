// Reads an event stream (WHATWG HTML, section 9.2), however its text is divided into chunks.

export type SseEvent = { readonly type: string; readonly data: string; readonly lastEventId: string };

/** An item and its frame are far below it; what is longer is not an event of the service. */
const MAX_EVENT_LENGTH = 2_000_000;

export class SseParser {
  #rest = '';
  #isStart = true;
  #type = '';
  #data: string[] = [];
  #dataLength = 0;
  #id = '';
  #lastEventId = '';
  #retryMs: number | null = null;

  /** Of the last event that ended, dispatched or not: where to resume. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** How long the other side wants us to wait before we connect again, or null. */
  get retryMs(): number | null {
    return this.#retryMs;
  }

  /** The events that end in this text. Throws a `RangeError` for one that is too long. */
  push(text: string): SseEvent[] {
    const all = this.#rest + text;
    const events: SseEvent[] = [];
    let start = 0;
    for (const match of all.matchAll(/\r\n|\n|\r/g)) {
      // The line feed of this carriage return may come with the next chunk.
      if (match[0] === '\r' && match.index === all.length - 1) break;
      this.#line(all.slice(start, match.index), events);
      start = match.index + match[0].length;
    }
    this.#rest = all.slice(start);
    if (this.#rest.length + this.#dataLength > MAX_EVENT_LENGTH) throw new RangeError('an event is too long');
    return events;
  }

  #line(raw: string, events: SseEvent[]): void {
    const line = this.#isStart ? raw.replace(/^\u{feff}/u, '') : raw;
    this.#isStart = false;
    if (line === '') {
      const event = this.#dispatch();
      if (event !== null) events.push(event);
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') {
      this.#data.push(value);
      this.#dataLength += value.length;
    } else if (name === 'event') this.#type = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d{1,9}$/.test(value)) this.#retryMs = Number(value);
  }

  #dispatch(): SseEvent | null {
    this.#lastEventId = this.#id;
    const event =
      this.#data.length === 0
        ? null
        : { type: this.#type || 'message', data: this.#data.join('\n'), lastEventId: this.#lastEventId };
    this.#type = '';
    this.#data = [];
    this.#dataLength = 0;
    return event;
  }
}
