// Tells of a JSON text, before it is parsed, that it holds more than anybody will take.

/** What a text may hold. `values` counts members, elements, objects and arrays; `canonicalBytes` is for all of its RFC 8785 form. */
export type JsonBounds = { readonly values: number; readonly canonicalBytes: number };

const BACKSLASH = '\\'.charCodeAt(0);
/** The most that a character may take in JSON (`\u0000`) and that takes one byte in canonical form. */
const LONGEST_ESCAPE = 6;
/** Structure, or the first quote of a string, or a number or word: whatever takes at least one byte in canonical form. */
const TOKEN = /[^\s"[\]{},:]+|["[\]{},:]/g;

/**
 * Whether a JSON text certainly exceeds a bound. One pass that keeps nothing and stops at the bound: to parse, check
 * and canonicalise 400 KB of `[],[],…` took 80 ms, all for an answer of 422. Of a text that is not JSON it may say either.
 *
 * By an expression and not character by character: Node 24.21 gave up on compiling such a loop after some kinds of texts,
 * and then took 10 µs for each character, 4 s for a body.
 */
export function exceeds(text: string, { values: maxValues, canonicalBytes: maxBytes }: JsonBounds): boolean {
  const hasEscapes = text.includes('\\');
  let values = 1;
  let bytes = 0;
  TOKEN.lastIndex = 0;
  while (TOKEN.test(text)) {
    const start = TOKEN.lastIndex - 1;
    bytes++;
    const token = text[start];
    if (token === '"') {
      const end = endOfString(text, start);
      if (end === 0) return false;
      // No text takes fewer bytes in UTF-8 than it has UTF-16 units.
      const inside = end - start - 2;
      bytes += 1 + (hasEscapes ? Math.ceil(inside / LONGEST_ESCAPE) : inside);
      TOKEN.lastIndex = end;
    } else if (token === ',' || token === '[' || token === '{') {
      values++;
    }
    if (values > maxValues || bytes > maxBytes) return true;
  }
  return false;
}

/** Where the string that begins at `start` is over, or 0 when it never is. Linear: each backslash is looked at once. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  return 0;
}
