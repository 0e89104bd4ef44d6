// The ceiling: a Fastify POST with the same schema that checks the body, does nothing and answers.
import fastify from 'fastify';
import { posted, saved } from './schemas.ts';

const app = fastify();

app.post<{ Body: { content: string } }>(
  '/v1/items',
  { schema: { body: posted, response: { 201: saved } } },
  async (request, reply) => {
    void reply.code(201).header('location', '/v1/items/1732212345678-0-0');
    return {
      id: '1732212345678-0-0',
      content: request.body.content,
      source: 'anonymous',
      createdAt: '2026-01-01T00:00:00.000Z',
    };
  },
);
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
