// What a content is, which contents are acceptable, and what makes two of them the same.
import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { ContentValue } from './json-value.ts';

/** The most bytes that a content may take in UTF-8, a JSON value in its canonical form. */
export const MAX_CONTENT_BYTES = 65_536;
/** What a client is told whose content takes more. */
export const TOO_LARGE = `must take at most ${MAX_CONTENT_BYTES} bytes in UTF-8`;

/**
 * A content as it is stored. `kind` is part of its identity: a string and a JSON value are never the same content. `text`
 * is a string as posted, or the canonical form of a JSON object or array.
 */
export type Content = { readonly kind: 'string' | 'json'; readonly text: string };

/**
 * What names a content in locks, index and logs: the first 20 bytes of the SHA-256 over kind and exact bytes. 160 bits
 * leave a collision to chance at about 2^80 contents and save 12 bytes of memory for each item.
 */
export class ContentKey {
  readonly hex: string;
  #digest: Buffer | undefined;

  constructor(hex: string) {
    this.hex = hex;
  }

  /** The bytes that `hex` spells. Made when they are asked for: a buffer costs as much as a third of the hash. */
  get digest(): Buffer {
    this.#digest ??= Buffer.from(this.hex, 'hex');
    return this.#digest;
  }
}

const DIGEST_BYTES = 20;

/**
 * The key of a content: equal for equal bytes of equal kind, different otherwise. Nothing is trimmed and Unicode is
 * not normalised, because merging two different texts would lose one of them.
 */
export function contentKey(content: Content): ContentKey {
  return new ContentKey(hash('sha256', `${content.kind}\n${content.text}`).slice(0, 2 * DIGEST_BYTES));
}

/** A content as clients see it. */
export function contentValue({ kind, text }: Content): ContentValue {
  return kind === 'string' ? text : (JSON.parse(text) as ContentValue);
}

/**
 * The content that a value is, or in words for the client why it cannot be one. A JSON object or array is taken in its
 * canonical form (RFC 8785): order of members, white space and the spelling of numbers and strings make no difference.
 * The value must come from a text without faults, see `parseJson`: in a value alone they cannot be seen any more.
 */
export function contentFrom(value: unknown): Content | { readonly fault: string } {
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) {
    return { fault: 'must be a string, an object or an array' };
  }
  const text = typeof value === 'string' ? value : (canonicalize(value) ?? '');
  const fault = contentFault(text);
  if (fault !== null) return { fault };
  return { kind: typeof value === 'string' ? 'string' : 'json', text };
}

function contentFault(text: string): string | null {
  if (text.length === 0) return 'must not be empty';
  // A lone surrogate has no UTF-8 form: every one of them would be stored as U+FFFD, and different texts would merge.
  if (!text.isWellFormed()) return 'must be well-formed Unicode (it has a lone surrogate)';
  // UTF-8 never takes fewer bytes than a string has UTF-16 units, so most texts need no second pass.
  if (text.length > MAX_CONTENT_BYTES || Buffer.byteLength(text) > MAX_CONTENT_BYTES) {
    return TOO_LARGE;
  }
  return null;
}
