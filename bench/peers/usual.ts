// The usual service: Redlock around "does it exist, then store it", one step after the other, nothing replicated.
import { hash, randomUUID } from 'node:crypto';
import fastify from 'fastify';
import { Redis } from 'ioredis';
import Redlock from 'redlock';
import { posted, saved } from './schemas.ts';

const redis = new Redis(process.env['REDIS_URL'] ?? '');
const redlock = new Redlock([redis], { retryCount: 10, retryDelay: 50 });
const app = fastify();

app.post<{ Body: { content: string } }>(
  '/v1/items',
  { schema: { body: posted, response: { 201: saved } } },
  async (request, reply) => {
    const { content } = request.body;
    const digest = hash('sha256', content);
    const lock = await redlock.acquire([`lock:${digest}`], 10_000);
    try {
      if ((await redis.exists(`item:${digest}`)) === 1) return await reply.code(409).send({ error: 'duplicate' });
      const item = { id: randomUUID(), content, source: 'anonymous', createdAt: new Date().toISOString() };
      await redis.set(`item:${digest}`, JSON.stringify(item));
      await redis.zadd('items', Date.now(), digest);
      return await reply.code(201).header('location', `/v1/items/${item.id}`).send(item);
    } finally {
      await redlock.release(lock);
    }
  },
);
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
