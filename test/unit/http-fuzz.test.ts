// Bytes that nobody would send, at a real socket: no answer says that the service is at fault, and it goes on serving.
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { hostileBytes } from '../support/hostile-bytes.ts';
import { createTestApp } from '../support/test-app.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? '300');
const service = await createTestApp();
await service.app.listen({ host: '127.0.0.1', port: 0 });
const { port } = service.app.server.address() as AddressInfo;
afterAll(() => service.app.close());

/** What comes back on one connection for all these bytes, until the service or the end of ours ends it. */
async function answersTo(raw: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  let received = '';
  socket.on('data', (data) => (received += data.toString('latin1')));
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  socket.end(Buffer.from(raw, 'latin1'));
  await closed;
  return received;
}

test('whatever is sent is answered with nothing, or with what is the client’s fault or right', async () => {
  await fc.assert(
    fc.asyncProperty(hostileBytes, async (raw) => {
      const received = await answersTo(raw);
      const statuses = [...received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status));
      expect(statuses.filter((status) => status >= 500)).toEqual([]);
      expect(received === '' || received.startsWith('HTTP/1.1 ')).toBe(true);
    }),
    { numRuns: RUNS },
  );
  expect(service.lines().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  expect((await service.get('/livez')).statusCode).toBe(200);
  await expect
    .poll(() => new Promise((resolve) => service.app.server.getConnections((_e, count) => resolve(count))))
    .toBe(0);
});
