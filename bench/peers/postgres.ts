// The same service over PostgreSQL: a UNIQUE constraint decides, one INSERT a request, flushed to disk before the answer.
import { hash } from 'node:crypto';
import fastify from 'fastify';
import pg from 'pg';
import { posted, saved } from './schemas.ts';

// More connections than cores, so that commits gather behind one flush.
const pool = new pg.Pool({ connectionString: process.env['POSTGRES_URL'], max: 32 });
// Over the digest and not the content: an entry of a B-tree takes up to 2,700 bytes.
await pool.query(`
  CREATE TABLE items (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    content text NOT NULL,
    source text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  )`);

type Row = { id: string; created_at: Date };
const insert = {
  name: 'insert',
  text: `INSERT INTO items (digest, content, source) VALUES ($1, $2, 'anonymous')
    ON CONFLICT (digest) DO NOTHING RETURNING id, created_at`,
};
const find = { name: 'find', text: 'SELECT id, created_at FROM items WHERE digest = $1' };

const app = fastify();

app.post<{ Body: { content: string } }>(
  '/v1/items',
  { schema: { body: posted, response: { 201: saved, 409: saved } } },
  async (request, reply) => {
    const { content } = request.body;
    const digest = hash('sha256', content, 'buffer');
    const inserted = await pool.query<Row>({ ...insert, values: [digest, content] });
    const row = inserted.rows[0] ?? (await pool.query<Row>({ ...find, values: [digest] })).rows[0];
    if (row === undefined) throw new Error('neither inserted nor found');
    void reply.code(inserted.rows.length > 0 ? 201 : 409).header('location', `/v1/items/${row.id}`);
    return { id: row.id, content, source: 'anonymous', createdAt: row.created_at.toISOString() };
  },
);
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
