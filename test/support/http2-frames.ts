// HTTP/2 as no client library would speak it: frames written byte by byte over TLS.
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;

/** One frame (RFC 9113, section 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A field that goes into no table (RFC 7541, section 6.2.2). Name and value are shorter than 127 bytes. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

/** The fields of a request. */
export function fields(method: string, path: string, more: Readonly<Record<string, string>> = {}): Buffer {
  const all = { ':method': method, ':scheme': 'https', ':authority': 'localhost', ':path': path, ...more };
  return Buffer.concat(Object.entries(all).map(([name, value]) => literal(name, value)));
}

export const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** The setting that says how much of each answer may be sent before more is asked for. */
export const window = (bytes: number): Buffer => Buffer.concat([Buffer.from([0, 4]), number(bytes)]);

/** A connection that has said that it speaks HTTP/2; what comes back is read away. */
export async function openHttp2(port: number, ca: string, settings: Buffer = Buffer.alloc(0)): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'], servername: 'localhost' });
  socket.on('error', () => {}).resume();
  await new Promise((resolve) => socket.once('secureConnect', resolve).once('close', resolve));
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(TYPE.settings, 0, 0, settings)]));
  return socket;
}
