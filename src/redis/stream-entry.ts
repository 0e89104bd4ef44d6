// Reads the entries of the log.
import type { Content } from '../items/content.ts';
import { type Item, itemAt, type ItemPosition } from '../items/item.ts';

const KIND_OF_CODE: Readonly<Record<string, Content['kind']>> = { s: 'string', j: 'json' };

/** How the kind of a content is spelled in the log, where it takes a byte of every item. */
export const kindCode = ({ kind }: Content): string => (kind === 'json' ? 'j' : 's');

/** An entry as XRANGE returns it: id, then field names and values in turn. */
export type StreamEntry = [id: string, fields: string[]];

/** The position of a stream id `<ms>-<seq>` in a partition. */
export function positionOf(streamId: string, partition: number): ItemPosition {
  const dash = streamId.indexOf('-');
  return { ms: Number(streamId.slice(0, dash)), seq: Number(streamId.slice(dash + 1)), partition };
}

// The fields stand in the order in which save-items.lua writes them: c is the content, m its kind, source and token.

/** The content that an entry holds. */
export function contentOf([, fields]: StreamEntry): Content {
  return { kind: KIND_OF_CODE[fields[3]?.charAt(0) ?? ''] ?? 'string', text: fields[1] ?? '' };
}

/** The item that an entry holds. */
export function itemOf(entry: StreamEntry, partition: number): Item {
  const [id, fields] = entry;
  const [, source = ''] = (fields[3] ?? '').split(' ', 2);
  return itemAt(positionOf(id, partition), contentOf(entry), source);
}
