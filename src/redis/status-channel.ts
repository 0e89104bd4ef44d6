// Carries what instances say of themselves over a channel of the master: nothing is stored, and nobody listens but while somebody watches.
import type { Redis } from 'ioredis';
import type { StatusChannel } from '../status/report.ts';
import { connectToListen, leave, peerOf, reconnect } from './connect.ts';
import type { StoreAccess } from './connection-options.ts';

export class RedisStatusChannel implements StatusChannel {
  readonly #redis: Redis;
  readonly #access: StoreAccess;
  readonly #name: string;
  readonly #listeners = new Set<Redis>();
  #isPublishing = false;

  /** `redis` is for short commands. */
  constructor(redis: Redis, access: StoreAccess, name: string) {
    this.#redis = redis;
    this.#access = access;
    this.#name = name;
  }

  /** Does not wait; while the last message has no answer the next one is left out. */
  publish(text: string): void {
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    void this.#redis
      .publish(this.#name, text)
      .catch(() => {})
      .finally(() => (this.#isPublishing = false));
  }

  listen(onText: (text: string) => void): () => void {
    const listener = connectToListen(this.#access);
    this.#listeners.add(listener);
    listener.on('ready', () => void listener.subscribe(this.#name).catch(() => {}));
    listener.on('message', (_channel, text: string) => onText(text));
    return () => {
      this.#listeners.delete(listener);
      void leave([listener], 0);
    };
  }

  /** Leaves a former master; a planned failover leaves the connection to it open. */
  follow(masterPeers: ReadonlySet<string>): void {
    for (const listener of this.#listeners) if (!masterPeers.has(peerOf(listener))) reconnect(listener);
  }

  close(): void {
    void leave([...this.#listeners], 0);
  }
}
