// Reads the wire format of Protocol Buffers, as far as OTLP uses it: fields by their numbers, without a schema.

/** Numbers and fixed fields are numbers or, where they may be too large, bigints; strings, bytes and messages are bytes. */
export type Field = bigint | number | Uint8Array;
export type Message = ReadonlyMap<number, readonly Field[]>;

/** Throws for what is cut off or no message. */
export function readMessage(bytes: Uint8Array): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const skip = (length: number): number => {
    at += length;
    if (at > bytes.length) throw new Error('the message is cut off');
    return at - length;
  };
  const read = (wireType: number): Field => {
    switch (wireType) {
      case 0:
        return varint();
      case 1:
        return view.getBigUint64(skip(8), true);
      case 2: {
        const length = Number(varint());
        const start = skip(length);
        return bytes.subarray(start, start + length);
      }
      case 5:
        return view.getUint32(skip(4), true);
      default:
        throw new Error(`there is no wire type ${wireType}`);
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const values = fields.get(tag >> 3) ?? [];
    fields.set(tag >> 3, [...values, read(tag & 7)]);
  }
  return fields;
}

const bytesOf = (message: Message, field: number): readonly Uint8Array[] =>
  (message.get(field) ?? []).map((value) => {
    if (value instanceof Uint8Array) return value;
    throw new Error(`field ${field} is a number`);
  });

/** The messages of a repeated field. */
export const messagesOf = (message: Message, field: number): Message[] => bytesOf(message, field).map(readMessage);

/** A string, empty where the field is absent. */
export const textOf = (message: Message, field: number): string =>
  Buffer.from(bytesOf(message, field)[0] ?? []).toString();

/** Bytes as lower-case hexadecimal digits, empty where the field is absent. */
export const hexOf = (message: Message, field: number): string =>
  Buffer.from(bytesOf(message, field)[0] ?? []).toString('hex');

/** A number, 0 where the field is absent. */
export const numberOf = (message: Message, field: number): bigint =>
  (message.get(field)?.[0] as bigint | undefined) ?? 0n;
