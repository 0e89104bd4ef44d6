// Sends what belongs together in one write: each write wakes Redis, and cost us as much as what was in it.
import type { Redis } from 'ioredis';

/**
 * Holds back what is sent over this connection until `sendHeld`, and no longer than until what has arrived by now is
 * handled (`setImmediate`).
 */
export function holdWrites(connection: Redis): void {
  const stream = streamOf(connection);
  if (stream === null || stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(uncork, stream);
}

export function sendHeld(connection: Redis): void {
  const stream = streamOf(connection);
  if (stream !== null) uncork(stream);
}

function uncork(stream: Redis['stream']): void {
  if (stream.writableCorked > 0) stream.uncork();
}

/** There is none before the first attempt to connect. */
const streamOf = ({ stream }: { readonly stream: Redis['stream'] | null | undefined }) => stream ?? null;
