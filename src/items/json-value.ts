// JSON as TypeScript sees it.

export type JsonValue = string | number | boolean | null | JsonObject | readonly JsonValue[];
export type JsonObject = { readonly [name: string]: JsonValue };

/** What a client can post as content and gets back: a text, an object or an array. */
export type ContentValue = string | JsonObject | readonly JsonValue[];
