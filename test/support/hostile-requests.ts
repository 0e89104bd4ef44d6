// Requests that two servers could read differently, and how to send them and see every answer.
import { connect } from 'node:net';

/** A second request behind the first: whoever answers it with 404 has seen it as one of its own. */
export const HIDDEN = 'GET /v1/items/9-9-9 HTTP/1.1\r\nHost: x\r\n\r\n';
const HEAD = 'Host: x\r\nContent-Type: application/json\r\n';
const BODY = '{"content":"smuggled"}';
const SIZE = BODY.length.toString(16);

const post = (headers: string, body: string, version = '1.1'): string =>
  `POST /v1/items HTTP/${version}\r\n${HEAD}${headers}\r\n\r\n${body}${HIDDEN}`;
const get = (headers: string): string => `GET /livez HTTP/1.1\r\n${headers}\r\n\r\n`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked', body);

/** What the service and nginx both refuse, with one 400 and the end of the connection. */
export const REFUSED: Readonly<Record<string, string>> = {
  'a length and chunks': post('Content-Length: 6\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  'chunks and a length': post('Transfer-Encoding: chunked\r\nContent-Length: 6', '0\r\n\r\n'),
  'a coding that is none': post('Transfer-Encoding: xchunked', '0\r\n\r\n'),
  'two codings in two lines': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', '0\r\n\r\n'),
  'chunked twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  'chunked and then another coding': post('Transfer-Encoding: chunked, identity', '0\r\n\r\n'),
  'another coding and then chunked': post('Transfer-Encoding: identity, chunked', '0\r\n\r\n'),
  'gzip and then chunked': post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'),
  'a space before the colon': post('Transfer-Encoding : chunked', '0\r\n\r\n'),
  'a vertical tab before the coding': post('Transfer-Encoding: \x0bchunked', '0\r\n\r\n'),
  'a coding on the next line': post('Transfer-Encoding:\r\n chunked', '0\r\n\r\n'),
  'chunks in HTTP/1.0': post('Transfer-Encoding: chunked', `${SIZE}\r\n${BODY}\r\n0\r\n\r\n`, '1.0'),
  'two lengths': post(`Content-Length: ${BODY.length}\r\nContent-Length: 3`, BODY),
  'the same length twice': post(`Content-Length: ${BODY.length}\r\nContent-Length: ${BODY.length}`, BODY),
  'a list of lengths': post(`Content-Length: ${BODY.length}, ${BODY.length}`, BODY),
  'a length with a sign': post(`Content-Length: +${BODY.length}`, BODY),
  'a length in hex': post('Content-Length: 0x16', BODY),
  'a length beyond 64 bits': post('Content-Length: 18446744073709551617', BODY),
  'a chunk beyond 64 bits': chunked(`fffffffffffffffff\r\n${BODY}\r\n0\r\n\r\n`),
  'a chunk size with 0x': chunked(`0x${SIZE}\r\n${BODY}\r\n0\r\n\r\n`),
  'a chunk without its end': chunked(`${SIZE}\r\n${BODY}XX0\r\n\r\n`),
  'a header on two lines': get('Host: x\r\nX-A: b\r\n c'),
  'a bare carriage return': get('Host: x\r\nX-A: b\rX-B: c'),
  'a NUL in a header': get('Host: x\r\nX-A: b\0c'),
  'two hosts': get('Host: x\r\nHost: y'),
  'an address that is only a host': 'GET evil:80 HTTP/1.1\r\nHost: x\r\n\r\n',
  'the beginning of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
};

/** What nginx reads and sends on in a form of its own, and an instance refuses: the two never disagree about it. */
export const REFUSED_BY_INSTANCES: Readonly<Record<string, string>> = {
  'bare line feeds': 'GET /livez HTTP/1.1\nHost: x\n\n',
  'a bare line feed between headers': get('Host: x\r\nX-A: b\nX-B: c'),
  'a line feed behind a chunk extension': chunked(`${SIZE};\n${BODY}\r\n0\r\n\r\n`),
  'line feeds between chunks': chunked(`${SIZE}\n${BODY}\n0\n\n`),
  'a space behind a chunk size': chunked(`${SIZE} \r\n${BODY}\r\n0\r\n\r\n`),
  'a chunk extension of 1 MB': chunked(`${SIZE};${'a'.repeat(1_000_000)}\r\n${BODY}\r\n0\r\n\r\n`),
  'a length among the trailers': chunked(`${SIZE}\r\n${BODY}\r\n0\r\nContent-Length: 5\r\n\r\n`),
};

/** What is unusual and well-formed: each request has the answer of its own, and the hidden one is no part of a body. */
export const TAKEN: Readonly<Record<string, string>> = {
  'a chunk extension': chunked(`${SIZE};a=b;c="d"\r\n${BODY}\r\n0\r\n\r\n`),
  trailers: chunked(`${SIZE}\r\n${BODY}\r\n0\r\nX-A: b\r\n\r\n`),
  'chunks of a byte': chunked(`${BODY.replaceAll(/./g, '1\r\n$&\r\n')}0\r\n\r\n`),
};

/** The status codes of all answers to these bytes, until the connection ends or a second request has been answered. */
export async function statusesOf(url: string, raw: string): Promise<{ statuses: number[]; hasEnded: boolean }> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  let received = '';
  const statuses = () => [...received.matchAll(/HTTP\/1\.[01] (\d+)/g)].map(([, status]) => Number(status));
  const hasEnded = await new Promise<boolean>((resolve) => {
    socket.on('error', () => {});
    socket.on('close', () => resolve(true));
    socket.on('data', (data) => {
      received += data.toString('latin1');
      if (statuses().length > 1) resolve(false);
    });
    socket.write(Buffer.from(raw, 'latin1'));
  });
  socket.destroy();
  return { statuses: statuses(), hasEnded };
}
