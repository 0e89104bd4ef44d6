// Requests that somebody in front of the service could read otherwise: refused, or read as everybody does.
import type { AddressInfo } from 'node:net';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { REFUSED, REFUSED_BY_INSTANCES, statusesOf, TAKEN } from '../support/hostile-requests.ts';
import { createTestApp } from '../support/test-app.ts';

const service = await createTestApp();
await service.app.listen({ host: '127.0.0.1', port: 0 });
const url = `http://127.0.0.1:${(service.app.server.address() as AddressInfo).port}`;
beforeEach(() => service.reset());
afterAll(() => service.app.close());

describe('is answered with one 400 and the end of its connection, and what is behind it is not looked at', () => {
  test.each(Object.entries({ ...REFUSED, ...REFUSED_BY_INSTANCES }))('%s', async (_name, raw) => {
    expect(await statusesOf(url, raw)).toEqual({ statuses: [400], hasEnded: true });
    expect(service.items.saves).toEqual([]);
  });
});

describe('is read as it is meant', () => {
  test.each(Object.entries(TAKEN))('%s', async (_name, raw) => {
    expect(await statusesOf(url, raw)).toEqual({ statuses: [201, 404], hasEnded: false });
    expect(service.items.saves.map(({ content }) => content.text)).toEqual(['smuggled']);
  });
});

const answerTo = (headers: string) =>
  statusesOf(
    url,
    `POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\nConnection: close\r\n${headers}\r\n\r\n{"content":"a"}`,
  );

describe('of a header that is there twice neither counts', () => {
  test.each([
    ['Content-Type: application/json', 201],
    ['Content-Type: application/json\r\nContent-Type: application/json', 415],
    ['Content-Type: application/json\r\nContent-Type: text/plain', 415],
    ['Content-Type: application/json\r\nContent-Encoding: identity\r\nContent-Encoding: gzip', 415],
  ])('%j', async (headers, status) => {
    expect(await answerTo(headers)).toEqual({ statuses: [status], hasEnded: true });
  });
});
