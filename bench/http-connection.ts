// One HTTP/1.1 connection with one request at a time, as cheap as can be: what making load costs is taken from those who
// are measured on the same cores. undici took as much CPU as the empty service that it asked.
import { connect, type Socket } from 'node:net';

/** `status` is 0 when there was no answer. */
export type OnAnswer = (status: number) => void;

const HEADERS_END = Buffer.from('\r\n\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CLOSE = /\r\nconnection: *close/i;

export class HttpConnection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | null = null;
  #received: Buffer | null = null;
  /** Where the answer under way ends, when its headers are there. */
  #endsAt = 0;
  #status = 0;
  #closes = false;
  #onAnswer: OnAnswer | null = null;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
  }

  /** Connects when it has to. The request must be whole: headers with their length, and body. */
  send(request: string, onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer;
    this.#socket ??= this.#connect();
    this.#socket.write(request);
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connect(): Socket {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    const lost = (): void => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#finish(0);
    };
    socket.on('data', (piece) => this.#receive(piece));
    socket.on('error', lost);
    socket.on('close', lost);
    return socket;
  }

  #receive(piece: Buffer): void {
    const received = this.#received === null ? piece : Buffer.concat([this.#received, piece]);
    if (this.#endsAt === 0) {
      const headersEnd = received.indexOf(HEADERS_END);
      if (headersEnd !== -1)
        this.#readHeaders(received.toString('latin1', 0, headersEnd), headersEnd + HEADERS_END.length);
    }
    if (this.#endsAt === 0 || received.length < this.#endsAt) {
      this.#received = received;
      return;
    }
    if (this.#closes) this.close();
    this.#finish(this.#status);
  }

  #readHeaders(headers: string, bodyAt: number): void {
    const length = LENGTH.exec(headers)?.[1];
    if (length === undefined) throw new Error('an answer has no content-length, which is all that is understood here');
    this.#status = Number(headers.slice(9, 12));
    this.#closes = CLOSE.test(headers);
    this.#endsAt = bodyAt + Number(length);
  }

  #finish(status: number): void {
    const onAnswer = this.#onAnswer;
    this.#received = null;
    this.#endsAt = 0;
    this.#onAnswer = null;
    onAnswer?.(status);
  }
}
