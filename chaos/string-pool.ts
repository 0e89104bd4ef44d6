// One copy in memory of each text that is read several times: from every node, from the listing, from a journal.

export class StringPool {
  readonly #texts = new Map<string, string>();

  /** The first string with this text that the pool was shown. */
  of(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#texts.set(text, text);
    return text;
  }
}
