// DELETE /v1/items/{id} and GET /v1/stats: what is erased is gone, and everything is counted.
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { ServiceFailure } from '../../src/items/errors.ts';
import type { Item } from '../../src/items/item.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp } from '../support/test-app.ts';

const service = await createTestApp();
beforeEach(() => service.reset());
afterAll(() => service.app.close());

const erase = (id: string) => service.app.inject({ method: 'DELETE', url: `/v1/items/${id}` });
const counted = async (outcome: string) => {
  const text = await service.metrics.registry.metrics();
  return Number(new RegExp(`^item_erasures_total\\{outcome="${outcome}"\\} (\\d+)`, 'm').exec(text)?.[1]);
};

describe('DELETE /v1/items/{id}', () => {
  test('204 once, then 404, and the content can be saved anew', async () => {
    const { id } = (await service.save('one')).json<Item>();
    const before = [await counted('erased'), await counted('absent')];
    const answer = await erase(id);
    expect(answer.statusCode).toBe(204);
    expect(answer.body).toBe('');
    expect((await service.get(`/v1/items/${id}`)).statusCode).toBe(404);
    expect(problemOf(await erase(id))).toMatchObject({ status: 404, code: 'item-not-found' });
    expect((await service.save('one')).statusCode).toBe(201);
    expect([await counted('erased'), await counted('absent')]).toEqual(before.map((n) => n + 1));
  });

  test.each(['nonsense', '1763712000000-0', '01763712000000-0-7', '1'.repeat(101)])('404 for %s', async (id) => {
    expect(problemOf(await erase(id))).toMatchObject({ status: 404, code: 'item-not-found' });
  });

  test.each(['not-replicated', 'store-unavailable', 'overloaded'] as const)('503 for %s, counted', async (code) => {
    const before = await counted('failed');
    service.items.onRead = () => Promise.reject(new ServiceFailure(code, 'not erased: short_wait'));
    const answer = await erase('1763712000000-0-7');
    expect(problemOf(answer)).toMatchObject({ status: 503, code });
    expect(answer.headers['retry-after']).toBe('1');
    expect(await counted('failed')).toBe(before + 1);
  });
});

describe('GET /v1/stats', () => {
  test('200 with the totals, kept by nobody', async () => {
    await service.save('one');
    const answer = await service.get('/v1/stats');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json()).toEqual({ saved: 5, duplicates: 4, replayed: 3, deleted: 2, stored: 1 });
  });

  test('503 when the store cannot be asked', async () => {
    service.items.onRead = () => Promise.reject(new ServiceFailure('store-unavailable', 'cannot read: timeout'));
    expect(problemOf(await service.get('/v1/stats'))).toMatchObject({ status: 503, code: 'store-unavailable' });
  });
});
