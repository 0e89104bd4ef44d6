// What is packed for a script: the bytes, however many there are, and what does not fit.
import { expect, test } from 'vitest';
import { ByteWriter } from '../../src/redis/byte-writer.ts';

test('values stand one behind the other, as struct.unpack reads them', () => {
  const writer = new ByteWriter(64);
  writer.byte(7);
  writer.uint32(0x01020304);
  writer.raw(Buffer.from([0, 255]));
  writer.shortText('ä');
  writer.text('€');
  expect([...writer.bytes]).toEqual([7, 1, 2, 3, 4, 0, 255, 2, 0xc3, 0xa4, 0, 0, 0, 3, 0xe2, 0x82, 0xac]);
});

test('more than was expected is kept whole', () => {
  const writer = new ByteWriter(1);
  for (let i = 0; i < 300; i++) {
    writer.byte(i % 256);
    writer.uint32(i);
    writer.raw(Buffer.from('raw'));
    writer.shortText('short');
    writer.text('€'.repeat(i));
  }
  let at = 0;
  for (let i = 0; i < 300; i++) {
    expect(writer.bytes.readUInt8(at)).toBe(i % 256);
    expect(writer.bytes.readUInt32BE(at + 1)).toBe(i);
    expect(writer.bytes.toString('utf8', at + 5, at + 14)).toBe('raw\u0005short');
    expect(writer.bytes.readUInt32BE(at + 14)).toBe(3 * i);
    expect(writer.bytes.toString('utf8', at + 18, at + 18 + 3 * i)).toBe('€'.repeat(i));
    at += 18 + 3 * i;
  }
  expect(writer.bytes).toHaveLength(at);
});

test('what does not fit throws and is not cut', () => {
  const writer = new ByteWriter(8);
  expect(() => writer.byte(256)).toThrow(RangeError);
  expect(() => writer.uint32(2 ** 32)).toThrow(RangeError);
  expect(() => writer.shortText('x'.repeat(256))).toThrow(RangeError);
});
