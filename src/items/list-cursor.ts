// The opaque text form of a listing's position.
import type { ListCursor, ListOrder, StreamPosition } from './ports.ts';

// The first character says how to read the rest, so that a later form can tell this one from its own.
const MARK: Readonly<Record<ListOrder, string>> = { asc: 'a', desc: 'd' };
/** Longer than any cursor that `encodeCursor` makes for the most partitions that the settings allow. */
export const MAX_CURSOR_LENGTH = 6_000;

/**
 * The cursor as URL-safe text. Positions are stored as differences in milliseconds to the latest one: recent items of
 * all partitions lie close together, and the text stays short.
 */
export function encodeCursor({ order, positions }: ListCursor): string {
  const latestMs = Math.max(0, ...positions.map((position) => position?.ms ?? 0));
  const fields = positions.map((at) =>
    at === null ? '' : `${(latestMs - at.ms).toString(36)}.${at.seq.toString(36)}`,
  );
  return Buffer.from(`${MARK[order]}${latestMs.toString(36)}~${fields.join('~')}`).toString('base64url');
}

/** Reads a cursor for this many partitions, or null when the text is not one that `encodeCursor` made for them. */
export function decodeCursor(text: string, partitions: number): ListCursor | null {
  const plain = Buffer.from(text, 'base64url').toString('latin1');
  const order = plain[0] === MARK.asc ? 'asc' : plain[0] === MARK.desc ? 'desc' : null;
  if (order === null) return null;
  const [latest = '', ...fields] = plain.slice(1).split('~');
  const latestMs = parseInt(latest, 36);
  if (fields.length !== partitions) return null;
  const positions = fields.map((field) => decodePosition(field, latestMs));
  const cursor = { order, positions } as ListCursor;
  // Also refuses what reads as a cursor but is spelled otherwise: one position has one text.
  return encodeIsExact(cursor, text) ? cursor : null;
}

function decodePosition(field: string, latestMs: number): StreamPosition | null {
  if (field === '') return null;
  const [behind = '', seq = ''] = field.split('.');
  return { ms: latestMs - parseInt(behind, 36), seq: parseInt(seq, 36) };
}

function encodeIsExact(cursor: ListCursor, text: string): boolean {
  const sane = cursor.positions.every((at) => at === null || (isPositionNumber(at.ms) && isPositionNumber(at.seq)));
  return sane && encodeCursor(cursor) === text;
}

const isPositionNumber = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
