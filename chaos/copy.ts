// What the store holds, as it was read from one Redis node or through the API.

/**
 * An entry of a log. `id` is the item's id, `<ms>-<sequence>-<partition>`; `content` is written down as in the journal;
 * `rest` is every other field, as text.
 */
export type Entry = { readonly id: string; readonly content: string; readonly rest: string };

/** All items and the whole index of one Redis node. */
export type Copy = {
  /** `host:port`. */
  readonly node: string;
  readonly entries: readonly Entry[];
  /** Digest in hex → id of the item. */
  readonly index: ReadonlyMap<string, string>;
  /** Digests that stand in more than one place of the index; `index` has the last of them. */
  readonly indexedTwice: readonly string[];
  /** `<partition>.<name>` → number, as the service counted: saved, duplicates, deleted … */
  readonly counts: ReadonlyMap<string, number>;
};

/** All items as the API lists them. */
export type Listing = { readonly items: readonly Pick<Entry, 'id' | 'content'>[] };
