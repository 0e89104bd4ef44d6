// Bounds what slow clients make an instance hold: bodies that arrive slowly, and answers that are taken slowly.
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { ServiceFailure } from '../items/errors.ts';
import { MAX_BODIES_BYTES, MAX_BODY_BYTES, SMALL_BODY_BYTES } from './limits.ts';

export class MemoryShare {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Throws `overloaded` when nothing more may be held. */
  refuseWhenFull(): void {
    if (this.#bytes >= this.#maxBytes) throw new ServiceFailure('overloaded', 'slow clients hold too much memory');
  }

  /** Counts bytes until the answer is over, however it ends. */
  hold(bytes: number, answer: Pick<ServerResponse, 'once'>): void {
    this.#bytes += bytes;
    answer.once('close', () => (this.#bytes -= bytes));
  }
}

/**
 * Bounds the bodies that are being read, but for those of routes with a limit of their own. 1,000 clients that stopped in
 * the middle of 390 KB took 400 MB. Small ones are not counted: connections bound them. Call it behind whatever refuses requests.
 */
export function installBodyShare(app: FastifyInstance): void {
  const bodies = new MemoryShare(MAX_BODIES_BYTES);
  app.addHook('onRequest', (request, reply, done) => {
    const { headers, routeOptions } = request;
    const announced = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Infinity;
    if (announced > SMALL_BODY_BYTES && routeOptions.bodyLimit === MAX_BODY_BYTES) {
      bodies.refuseWhenFull();
      bodies.hold(Math.min(announced, MAX_BODY_BYTES), reply.raw);
    }
    done();
  });
}
