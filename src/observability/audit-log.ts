// Writes who did what to which item, a line of JSON each, to a file of its own.
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { pino } from 'pino';

/** What happened. It names contents by their digest and holds nothing of them, and of a key only its id. */
export type AuditEvent = {
  readonly event: 'save' | 'erase' | 'authentication';
  readonly outcome: string;
  readonly requestId: string;
  /** Where the request came from, as far as a trusted proxy says so. */
  readonly address: string;
  /** Whose key it was, where one was asked for and right. */
  readonly client?: string | undefined;
  readonly keyId?: string | undefined;
  readonly digest?: string | undefined;
  readonly itemId?: string | undefined;
};

export type AuditLog = {
  record(event: AuditEvent): void;
  /** Ends when every line is with the system. */
  close(): Promise<void>;
};

/** What may wait for a disk that is slow; lines beyond it are lost, and counted. */
const MAX_WAITING_BYTES = 67_108_864;

/**
 * Opens the file for appending; only its owner may read it. Throws when that cannot be done. Lines are collected while
 * the ones before are written: a request never waits for the disk. A killed process loses those that wait, a few
 * milliseconds' worth; one that ends in any other way writes them (pino sees to it).
 */
export function openAuditLog(path: string, observer: { lost(): void; failed(error: Error): void }): AuditLog {
  closeSync(openSync(path, 'a', 0o600));
  const file = pino.destination({ dest: path, append: true, sync: false, mode: 0o600, maxLength: MAX_WAITING_BYTES });
  file.on('drop', () => observer.lost());
  file.on('error', (error: Error) => observer.failed(error));
  return {
    record: (event) => void file.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`),
    async close() {
      // An end waits for the file, which may not be open yet.
      const closed = once(file, 'close');
      file.end();
      await closed.catch(() => {});
    },
  };
}
