// The audit log: who did what to which content, and nothing of any content.
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { Caller } from '../../src/access/keyring.ts';
import type { Scope } from '../../src/access/api-key.ts';
import { ServiceFailure } from '../../src/items/errors.ts';
import type { AuditEvent } from '../../src/observability/audit-log.ts';
import { createTestApp, PROXY_ADDRESS } from '../support/test-app.ts';

const callerWith = (...scopes: Scope[]): Caller => ({ client: 'acme', keyId: 'a'.repeat(12), scopes: new Set(scopes) });
const CALLERS: Readonly<Record<string, Caller>> = {
  'Bearer all': callerWith('items:write', 'items:read', 'items:delete'),
  'Bearer read': callerWith('items:read'),
};
let events: AuditEvent[] = [];
const service = await createTestApp({
  keys: { callerOf: (header = '') => CALLERS[header] ?? null, isStillValid: () => true },
  auditLog: { record: (event) => void events.push(event), close: async () => {} },
});
beforeEach(() => {
  events = [];
  service.reset();
});
afterAll(() => service.app.close());

const SECRET = 'the content, which is nobody’s business';
const DIGEST = /^[0-9a-f]{40}$/;
const who = { client: 'acme', keyId: 'a'.repeat(12), address: '127.0.0.1' };
const as = (key: string, more: Record<string, string> = {}) => ({ authorization: `Bearer ${key}`, ...more });

test('a save, a duplicate, a replay and a failure have a line each, with the digest and the item', async () => {
  const saved = await service.save(SECRET, as('all', { 'idempotency-key': 'k', 'x-request-id': 'mine' }));
  await service.save(SECRET, as('all'));
  await service.save(SECRET, as('all', { 'idempotency-key': 'k' }));
  service.items.onSave = () => Promise.reject(new ServiceFailure('not-replicated', 'no'));
  await service.save(SECRET, as('all'));
  const { id: itemId } = saved.json<{ id: string }>();
  const [digest] = events.map((event) => event.digest);
  expect(digest).toMatch(DIGEST);
  const one = { event: 'save', digest, ...who };
  expect(events).toMatchObject([
    { ...one, outcome: 'saved', itemId, requestId: 'mine' },
    { ...one, outcome: 'duplicate', itemId },
    { ...one, outcome: 'replayed', itemId },
    { ...one, outcome: 'failed' },
  ]);
  expect(JSON.stringify(events)).not.toContain('nobody');
});

test('so has each item of a batch and of a stream', async () => {
  const items = [{ content: 'a' }, { content: 'b' }, { content: 'a' }];
  await service.post(JSON.stringify({ items }), as('all'), '/v1/items/batch');
  await service.post('{"content":"b"}\n', as('all', { 'content-type': 'application/x-ndjson' }), '/v1/items/batch');
  expect(events.map(({ outcome }) => outcome)).toEqual(['saved', 'saved', 'duplicate', 'duplicate']);
  expect(new Set(events.map(({ requestId }) => requestId)).size).toBe(2);
});

test('so has an erasure, whether there was something or not; what is no id is not repeated', async () => {
  const { id } = (await service.save('x', as('all'))).json<{ id: string }>();
  events = [];
  for (const item of [id, id, 'nonsense']) {
    await service.app.inject({ method: 'DELETE', url: `/v1/items/${item}`, headers: as('all') });
  }
  expect(events).toMatchObject([
    { event: 'erase', outcome: 'erased', itemId: id, ...who },
    { event: 'erase', outcome: 'absent', itemId: id, ...who },
    { event: 'erase', outcome: 'absent', ...who },
  ]);
  expect(events[2]?.itemId).toBeUndefined();
});

const from = (remoteAddress: string, authorization: string) =>
  service.app.inject({
    method: 'POST',
    url: '/v1/items',
    remoteAddress,
    headers: { authorization, 'x-forwarded-for': '203.0.113.5' },
  });

test('so has a key that was refused, and one without the scope; neither key nor address in the way is trusted', async () => {
  await from('192.0.2.1', 'Bearer items_wrong');
  await from(PROXY_ADDRESS, 'Bearer items_wrong');
  await from('192.0.2.1', 'Bearer read');
  expect(events).toMatchObject([
    { event: 'authentication', outcome: 'refused', address: '192.0.2.1' },
    { event: 'authentication', outcome: 'refused', address: '203.0.113.5' },
    { event: 'authentication', outcome: 'forbidden', client: 'acme' },
  ]);
  expect(JSON.stringify(events)).not.toContain('items_wrong');
});

test('reads, and requests that are wrong, have none', async () => {
  await service.get('/v1/items', as('read'));
  await service.post('{', as('all'));
  expect(events).toEqual([]);
});
