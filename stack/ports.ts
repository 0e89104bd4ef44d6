// Ports of 127.0.0.1 that no other stack on this machine takes, however many start at once.
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

// Below 32768, where systems take the ports of outgoing connections from: there, the port of a node that is down for a
// moment can be taken by somebody's connection, even by a client that tries to reach it and so connects to itself.
const FIRST = 10_000;
const LAST = 32_000;
const BLOCK = 32;
const BLOCKS = Math.floor((LAST - FIRST) / BLOCK);
// The one port in between that fetch and browsers refuse to connect to (https://fetch.spec.whatwg.org/#port-blocking): a
// part that is asked there whether it is ready never is.
const REFUSED_BY_FETCH = 10_080;

type Kept = { readonly first: number; readonly ports: Record<string, number> };

/** A block of ports, ours as long as we listen on its first one; the system frees it whatever becomes of us. */
export class Ports implements AsyncDisposable {
  readonly #lock: Server;
  readonly #first: number;
  readonly #file: string | undefined;
  readonly #byName: Map<string, number>;
  #next: number;

  private constructor(lock: Server, first: number, file: string | undefined, byName: Map<string, number>) {
    this.#lock = lock;
    this.#first = first;
    this.#file = file;
    this.#byName = byName;
    this.#next = Math.max(first, ...byName.values()) + 1;
  }

  /** Reserves a block. With a `file`, names keep the ports that they had when it was last used. */
  static async reserve(file?: string): Promise<Ports> {
    const kept = file === undefined ? undefined : readKept(file);
    if (kept !== undefined) {
      const lock = await listen(kept.first);
      if (lock === null) throw new Error(`Port ${kept.first} is taken: is another stack running from ${file}?`);
      return new Ports(lock, kept.first, file, new Map(Object.entries(kept.ports)));
    }
    const start = Math.floor(Math.random() * BLOCKS);
    for (let i = 0; i < BLOCKS; i++) {
      const first = FIRST + ((start + i) % BLOCKS) * BLOCK;
      const lock = await listen(first);
      if (lock !== null) return new Ports(lock, first, file, new Map());
    }
    throw new Error(`No block of ${BLOCK} free ports between ${FIRST} and ${LAST}.`);
  }

  /** The port of `name`: the same on every call. */
  async get(name: string): Promise<number> {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    while (this.#next < this.#first + BLOCK) {
      // Taken before it is tried, because others may ask at the same time.
      const port = this.#next++;
      if (port === REFUSED_BY_FETCH || !(await isFree(port))) continue;
      this.#byName.set(name, port);
      this.#write();
      return port;
    }
    throw new Error(`No free port is left for ${name}: a stack has ${BLOCK - 1}.`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await close(this.#lock);
  }

  #write(): void {
    if (this.#file === undefined) return;
    const kept: Kept = { first: this.#first, ports: Object.fromEntries(this.#byName) };
    writeFileSync(this.#file, `${JSON.stringify(kept, null, 2)}\n`);
  }
}

/** Whether nobody listens on that port of 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  const probe = await listen(port);
  if (probe !== null) await close(probe);
  return probe !== null;
}

async function listen(port: number): Promise<Server | null> {
  const server = createServer();
  server.listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await once(server, 'listening');
    server.unref();
    return server;
  } catch {
    return null;
  }
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  await closed;
}

function readKept(file: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${file} is not readable: ${(error as Error).message}`, { cause: error });
  }
}
