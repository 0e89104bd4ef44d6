// The benchmark's own parts: what it sends, what it understands, and what it publishes.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { HttpConnection } from '../../bench/http-connection.ts';
import { renderPage } from '../../bench/page.ts';
import { spreadOf } from '../../bench/report.ts';
import { contentsOf, requestsOf } from '../../bench/requests.ts';
import { barPlot, linePlot } from '../../bench/svg.ts';

function take(next: () => string, n: number): string[] {
  return Array.from({ length: n }, next);
}

test('unique contents are, also between runs and when they are short', () => {
  const seeds = ['a-1', 'a-11', 'a-1-1'];
  const all = seeds.flatMap((seed) => take(contentsOf({ contents: 'unique', contentBytes: 4 }, seed), 2_000));
  expect(new Set(all).size).toBe(all.length);
});

test('of half, every other content was there long before; hot is one', () => {
  const half = take(contentsOf({ contents: 'half', contentBytes: 100 }, 'seed'), 6_000);
  const seenAt = new Map<string, number>();
  const distances = half.map((content, i) => {
    const distance = i - (seenAt.get(content) ?? i);
    seenAt.set(content, i);
    return distance;
  });
  const later = distances.slice(3_000);
  expect(later.filter((distance) => distance > 0).length).toBe(1_500);
  expect(Math.min(...later.filter((distance) => distance > 0))).toBeGreaterThan(500);
  expect(new Set(take(contentsOf({ contents: 'hot', contentBytes: 100 }, 'seed'), 10)).size).toBe(1);
});

test('a request announces the length of its body, and contents have the length that was asked for', () => {
  const work = { kind: 'save', contents: 'unique', contentBytes: 100 } as const;
  const job = { url: 'http://127.0.0.1:1', work, connections: 1, durationMs: 1, seed: 'seed' };
  const [headers = '', body = ''] = requestsOf(job)().split('\r\n\r\n');
  expect(headers).toContain(`content-length: ${Buffer.byteLength(body)}`);
  expect((JSON.parse(body) as { content: string }).content).toHaveLength(100);
});

/** Answers each request with what `answer` does to the socket. */
async function serverThat(answer: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('data', () => answer(socket));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('an answer in pieces is one answer, and a connection that the other side closes is opened again', async () => {
  const url = await serverThat((socket) => {
    for (const piece of ['HTTP/1.1 20', '1 Created\r\nContent-Length: 4\r\n\r', '\nab', 'cd']) socket.write(piece);
  });
  const closing = await serverThat((socket) =>
    socket.end('HTTP/1.1 409 Conflict\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'),
  );
  const broken = await serverThat((socket) => socket.destroy());
  for (const [where, status] of [
    [url, 201],
    [closing, 409],
    [broken, 0],
  ] as const) {
    const connection = new HttpConnection(where);
    for (let i = 0; i < 3; i++) {
      expect(await new Promise((resolve) => connection.send('GET / HTTP/1.1\r\n\r\n', resolve))).toBe(status);
    }
    connection.close();
  }
});

test('the median of an even number is between the two in the middle', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(spreadOf([3, 1, 2]).median).toBe(2);
});

test('plots hold their names as text and no numbers that are none', () => {
  const bars = barPlot('a & b', ['one'], [{ name: 'x < y', bars: [{ name: 'z', values: [3] }] }]);
  expect(bars).toContain('a &amp; b');
  expect(bars).toContain('x &lt; y');
  const series = [{ name: 'line', points: [[0, 0] as const, [2, 250] as const] }];
  for (const isLogarithmic of [true, false]) {
    const plot = linePlot({ title: 't', xLabel: 'x', series, xTicks: [[0, '0']], isLogarithmic, yMin: 1 });
    expect(plot).not.toMatch(/NaN|Infinity/);
    expect(plot).toContain('polyline');
  }
});

test('docs/benchmarks.md is what the reports beside it say', () => {
  expect(readFileSync(new URL('../../docs/benchmarks.md', import.meta.url), 'utf8')).toBe(renderPage());
});
