// Clients that ask for a page and leave at once: the store hears of it before it reads.
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import type { ItemPage } from '../../src/items/ports.ts';
import { MemoryItems, createTestApp } from '../support/test-app.ts';

test('a listing is wanted for as long as its client is there', async () => {
  const asked: { readonly isWanted: () => boolean; readonly answer: (page: ItemPage) => void }[] = [];
  const { store } = new MemoryItems();
  const list = (_from: unknown, _limit: number, isWanted = (): boolean => true) =>
    new Promise<ItemPage>((answer) => void asked.push({ isWanted, answer }));
  await using service = await createTestApp({ store: { ...store, list } });
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = service.app.server.address() as AddressInfo;
  const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  for (const socket of sockets) socket.write('GET /v1/items?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n');
  await expect.poll(() => asked.length, SOON).toBe(2);
  expect(asked.map(({ isWanted }) => isWanted())).toEqual([true, true]);
  sockets[0]?.destroy();
  await expect.poll(() => asked.filter(({ isWanted }) => isWanted()).length, SOON).toBe(1);
  for (const { answer } of asked) answer({ items: [], next: null });
  const [head] = (await once(sockets[1]!, 'data')) as [Buffer];
  expect(head.toString()).toMatch(/^HTTP\/1\.1 200 /);
  sockets[1]?.destroy();
  // It had asked for nothing wrong: no error is logged for whoever left.
  expect(service.lines().filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
});

const SOON = { interval: 2, timeout: 20_000 };
