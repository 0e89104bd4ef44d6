// A stream of any length takes the client no more memory than its window.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { ItemsClient } from '../../client/items-client.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const LINES = 4_000;
const CONTENT = 'x'.repeat(50_000);

test('what was sent and answered is not held', async () => {
  // Answers every line and keeps nothing, so that the memory is the client's.
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    request.on('data', (chunk: Buffer) => {
      const lines = chunk.filter((byte) => byte === 10).length;
      if (lines > 0) response.write('{"status":201,"id":"1-1-1"}\n'.repeat(lines));
    });
    request.on('end', () => response.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const client = new ItemsClient({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    let answered = 0;
    let heldBytes = 0;
    const before = process.memoryUsage().arrayBuffers;
    for await (const _ of client.saveStream(
      Array.from({ length: LINES }, () => CONTENT),
      { maxLines: 100 },
    )) {
      if (++answered < LINES) continue;
      // Without what is held no more and only waits to be collected.
      collect();
      heldBytes = process.memoryUsage().arrayBuffers - before;
    }
    expect(answered).toBe(LINES);
    // Of 200 MB. A fetch that may be redirected holds all of it until its end.
    expect(heldBytes).toBeLessThan(100_000_000);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
