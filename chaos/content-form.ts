// How a content is written down in a journal and sent.

const JSON_MARK = 'json\n';

/**
 * A text as it is, and a JSON value as the word "json", a line feed and the value in its canonical form: what the service
 * makes the digest from, too. Texts that begin like that are not sent. Names of members must not be numbers, which
 * JavaScript would put in another order.
 */
export const writtenDown = (content: unknown): string =>
  typeof content === 'string' ? content : asJson(JSON.stringify(content));

/** The same for a JSON value of which the canonical form is at hand. */
export const asJson = (canonical: string): string => `${JSON_MARK}${canonical}`;

export const isJson = (content: string): boolean => content.startsWith(JSON_MARK);

/** The body of a request; a JSON value is spelled in one of two ways, which must make no difference. */
export function bodyOf(content: string, otherwise: boolean): string {
  if (!isJson(content)) return JSON.stringify({ content });
  const canonical = content.slice(JSON_MARK.length);
  if (!otherwise) return `{"content":${canonical}}`;
  const members = Object.entries(JSON.parse(canonical) as object).toReversed();
  return JSON.stringify({ content: Object.fromEntries(members) }, null, 1);
}
