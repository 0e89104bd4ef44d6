// What the service takes and answers, as types; the rules behind them are in its OpenAPI document.

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** A string is identified by its exact bytes, an object or array by its canonical form (RFC 8785). */
export type Content = string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

export type Item = {
  /** Opaque. */
  readonly id: string;
  readonly content: Content;
  readonly source: string;
  /** ISO 8601 in UTC. */
  readonly createdAt: string;
};

/**
 * What became of a content: `saved` now; `replayed`, saved by an earlier attempt of this same request; or a
 * `duplicate` of an item that somebody else saved, which is then the original. In all three it is kept.
 */
export type SaveKind = 'saved' | 'replayed' | 'duplicate';

export type SaveOutcome = { readonly kind: SaveKind; readonly item: Item };

/** One content of a batch or a stream. `item` is missing where only ids were asked for (`minimal`). */
export type KeptResult = { readonly kind: SaveKind; readonly id: string; readonly item?: Item };

/** One content of a batch or a stream that was not saved; `code` is stable, `detail` for people. */
export type FailedResult = {
  readonly kind: 'failed';
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly ProblemDetail[];
};

export type BatchResult = KeptResult | FailedResult;

/** The results of a batch in the order of its contents; the numbers are those of the last request that it took. */
export type BatchOutcome = {
  readonly results: readonly BatchResult[];
  readonly saved: number;
  readonly replayed: number;
  readonly duplicates: number;
  readonly failed: number;
};

/** One thing that is wrong with a request: a JSON pointer into the body, or the name of a query parameter. */
export type ProblemDetail = { readonly detail: string; readonly pointer?: string; readonly parameter?: string };

export type Page = { readonly items: readonly Item[]; readonly nextCursor: string | null };

/** What the service makes of a content: its kind and canonical form, that form's SHA-256, and the item if there is one. */
export type Lookup = {
  readonly item: Item | null;
  readonly kind: 'string' | 'json';
  readonly canonical: string;
  readonly sha256: string;
};

export type Stats = {
  readonly saved: number;
  readonly duplicates: number;
  readonly replayed: number;
  readonly deleted: number;
  readonly stored: number;
};

/** An item of the feed; `cursor` resumes behind it. */
export type FeedEntry = { readonly cursor: string; readonly item: Item };
