// Where a server listens.
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** As `http://host:port`. */
export function urlOf(app: FastifyInstance): string {
  const { address, family, port } = app.server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
