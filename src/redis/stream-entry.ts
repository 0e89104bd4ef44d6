// Reads the entries of the log.
import { type Item, itemAt, type ItemPosition } from '../items/item.ts';

/** An entry as XRANGE returns it: id, then field names and values in turn. */
export type StreamEntry = [id: string, fields: string[]];

/** The position of a stream id `<ms>-<seq>` in a partition. */
export function positionOf(streamId: string, partition: number): ItemPosition {
  const dash = streamId.indexOf('-');
  return { ms: Number(streamId.slice(0, dash)), seq: Number(streamId.slice(dash + 1)), partition };
}

/** The item that an entry holds; the fields stand in the order in which save-items.lua writes them: c, k, t, s. */
export function itemOf([id, fields]: StreamEntry, partition: number): Item {
  return itemAt(positionOf(id, partition), fields[1] ?? '', fields[7] ?? '');
}
