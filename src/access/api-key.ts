// What an API key looks like, and the only thing of it that is ever stored: its hash.
import { hash, randomBytes, randomInt } from 'node:crypto';

/** `write` saves, `read` reads items, listings, the feed and totals, `delete` erases. */
export const SCOPES = ['items:write', 'items:read', 'items:delete'] as const;
export type Scope = (typeof SCOPES)[number];

// The prefix lets people and secret scanners see what a leaked string is; the id names the key in lists and logs.
const KEY = /^items_([a-z0-9]{12})_[A-Za-z0-9_-]{43}$/;
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 12;
const SECRET_BYTES = 32;

export const KEY_ID = /^[a-z0-9]{12}$/;

/** A new key of 256 random bits, as text: shown once to whoever it is for. */
export function newApiKey(): { readonly id: string; readonly key: string } {
  const id = Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]).join('');
  return { id, key: `items_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}` };
}

/** The id in a key, or null when the text does not look like a key. */
export function keyIdOf(key: string): string | null {
  return KEY.exec(key)?.[1] ?? null;
}

/**
 * What is stored of a key. One round of SHA-256 and no salt, because nobody can guess 256 random bits: slow hashes are for
 * passwords that people choose.
 */
export function hashOfKey(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}
