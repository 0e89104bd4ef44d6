// A body of lines that is larger than the memory that it may take.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { waitFor } from '../../stack/wait.ts';
import { LineClient } from '../support/line-client.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ServiceProcess } from '../support/service-process.ts';

const PACKAGE = new URL('../../package.json', import.meta.url);
const LINE_BYTES = 8_000;
const LINES = 64_000;
/** Of so many lines one has a new content. */
const NEW_EVERY = 80;
/** It was up to 284 MB, most of it not yet collected. */
const MAX_MEMORY_BYTES = 400_000_000;

async function memoryOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1]);
}

test('512 MB go through an instance that takes less than 400 MB of memory and stops reading while Redis does not answer', async () => {
  const { scripts } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { scripts: { start: string } };
  await using redis = await RedisServer.started();
  // Lines are not given up, however long a busy machine takes to find out that the stream has stopped.
  const settings = { REDIS_URL: redis.url, SAVE_DEADLINE_MS: '120000' };
  await using service = new ServiceProcess(settings, undefined, scripts.start.split(' ').slice(1));
  const url = await service.ready();
  let peakBytes = 0;
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) peakBytes = Math.max(peakBytes, await memoryOf(url));
  })();

  using client = new LineClient(url, { prefer: 'return=minimal' });
  await client.read();
  redis.pause();
  let sent = 0;
  const sendMore = (): void => {
    while (sent < LINES && !client.outgoing.writableNeedDrain) {
      const content = `${Math.floor(sent / NEW_EVERY)} `.padEnd(LINE_BYTES, 'x');
      client.sendContent(content);
      sent++;
    }
    if (sent === LINES) client.outgoing.end();
  };
  client.outgoing.on('drain', sendMore);
  sendMore();
  // Redis is silent, so the window fills, and with it all buffers up to us.
  let before = -1;
  const isStuck = (): boolean => {
    const wasSent = before;
    before = sent;
    return wasSent === sent;
  };
  await waitFor(isStuck, { timeoutMs: 30_000, everyMs: 500, what: 'the stream did not stop' });
  expect(sent).toBeLessThan(LINES / 2);
  redis.resume();
  await waitFor(() => client.end !== null, { timeoutMs: 150_000, what: 'the answer did not end' });
  over.abort();
  await watching;

  expect(client.end).toBe('complete');
  const byStatus = Map.groupBy(client.lines, ({ status }) => status);
  expect(byStatus.get(201)).toHaveLength(LINES / NEW_EVERY);
  expect(byStatus.get(409)).toHaveLength(LINES - LINES / NEW_EVERY);
  expect(peakBytes).toBeGreaterThan(0);
  expect(peakBytes).toBeLessThan(MAX_MEMORY_BYTES);
}, 200_000);
