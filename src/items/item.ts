// An item as the service shows it, and the id that tells where in the log it stands.
import { type Content, contentValue } from './content.ts';
import type { ContentValue } from './json-value.ts';

/** A saved content. `createdAt` is RFC 3339 in UTC with milliseconds. */
export type Item = {
  readonly id: string;
  readonly content: ContentValue;
  readonly source: string;
  readonly createdAt: string;
};

/** Where an item stands: the stream id (`ms`, `seq`) within one partition. Ordered by ms, then seq, then partition. */
export type ItemPosition = { readonly ms: number; readonly seq: number; readonly partition: number };

// No leading zeros, so that one item has exactly one id; 15 digits stay exact in a double.
const ITEM_ID = /^(0|[1-9]\d{0,14})-(0|[1-9]\d{0,14})-(0|[1-9]\d{0,3})$/;

/** The id `<milliseconds>-<sequence>-<partition>` of a position. */
export function formatItemId(position: ItemPosition): string {
  return `${position.ms}-${position.seq}-${position.partition}`;
}

/** The position that an id names, or null when the text is not an id. */
export function parseItemId(id: string): ItemPosition | null {
  const match = ITEM_ID.exec(id);
  return match && { ms: Number(match[1]), seq: Number(match[2]), partition: Number(match[3]) };
}

/** Negative when `a` comes before `b` in the order of ids, positive when after, 0 for the same place. */
export function comparePositions(a: ItemPosition, b: ItemPosition): number {
  return a.ms - b.ms || a.seq - b.seq || a.partition - b.partition;
}

/** The item at a position; its time of creation is the time in its id. */
export function itemAt(position: ItemPosition, content: Content, source: string): Item {
  return {
    id: formatItemId(position),
    content: contentValue(content),
    source,
    createdAt: timeText(position.ms),
  };
}

// The items of a commit have one time or two, and writing one takes as long as all the rest of an item.
let lastTime = { ms: Number.NaN, text: '' };

function timeText(ms: number): string {
  if (ms !== lastTime.ms) lastTime = { ms, text: new Date(ms).toISOString() };
  return lastTime.text;
}
