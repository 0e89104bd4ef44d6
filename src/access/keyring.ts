// Tells who a request comes from by its API key.
import { timingSafeEqual } from 'node:crypto';
import { hashOfKey, keyIdOf, type Scope } from './api-key.ts';
import type { KeyFile } from './key-file.ts';

/** Who sent a request, and what it may do. `client` is the `source` of what it saves. */
export type Caller = { readonly client: string; readonly keyId: string; readonly scopes: ReadonlySet<Scope> };

/** What whoever serves requests asks about keys; the time of day is known. */
export type KeyCheck = {
  /** The caller with this `Authorization` header, or null: whether it is missing, malformed, unknown, wrong or expired is not told. */
  callerOf(authorization: string | undefined): Caller | null;
  /** Whether the key of somebody who was let in still lets in the same client, to no less; for answers that go on for long. */
  isStillValid(caller: Caller): boolean;
};

type Entry = { readonly caller: Caller; readonly hash: Buffer; readonly expiresAtMs: number };

// A scheme is case-insensitive (RFC 9110, section 11.1).
const BEARER = /^bearer +(\S+)$/i;
// Compared with when the id is unknown, so that the time tells nothing about which ids exist. No key has this hash.
const NOBODY = Buffer.alloc(32);

export class Keyring {
  #entries: ReadonlyMap<string, Entry>;

  constructor(file: KeyFile) {
    this.#entries = entriesOf(file);
  }

  /** How many keys there are, those that have expired included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Takes other keys from now on. */
  replace(file: KeyFile): void {
    this.#entries = entriesOf(file);
  }

  /**
   * The caller with this `Authorization` header, or null: whether it is missing, malformed, unknown, wrong or expired is
   * not told. `nowMs` is the time of day.
   */
  callerOf(authorization: string | undefined, nowMs: number): Caller | null {
    const key = BEARER.exec(authorization ?? '')?.[1];
    const id = key === undefined ? null : keyIdOf(key);
    if (key === undefined || id === null) return null;
    const entry = this.#entries.get(id);
    const isRight = timingSafeEqual(hashOfKey(key), entry?.hash ?? NOBODY);
    return isRight && entry !== undefined && nowMs < entry.expiresAtMs ? entry.caller : null;
  }

  /** Whether the key of somebody who was let in still lets in the same client, to no less; for answers that go on for long. */
  isStillValid({ keyId, client, scopes }: Caller, nowMs: number): boolean {
    const entry = this.#entries.get(keyId);
    if (entry === undefined || nowMs >= entry.expiresAtMs) return false;
    // An operator may take a scope away in the file itself.
    return entry.caller.client === client && scopes.isSubsetOf(entry.caller.scopes);
  }
}

function entriesOf({ keys }: KeyFile): Map<string, Entry> {
  return new Map(
    keys.map(({ id, client, sha256, scopes, expiresAt }) => [
      id,
      {
        caller: { client, keyId: id, scopes: new Set(scopes) },
        hash: Buffer.from(sha256, 'hex'),
        expiresAtMs: expiresAt === null ? Infinity : Date.parse(expiresAt),
      },
    ]),
  );
}
