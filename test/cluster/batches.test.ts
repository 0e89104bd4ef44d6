// Batches and streams through nginx: how they come back, and what an instance that goes away costs them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../stack/wait.ts';
import { bodyOf, ContractStack, JSON_BODY, type Result } from '../support/contract-stack.ts';
import { LineClient } from '../support/line-client.ts';
import { problemInBody } from '../support/problem-of.ts';

const eventually = { timeout: 30_000, interval: 50 };

let service: ContractStack;
beforeAll(async () => {
  service = await ContractStack.start();
});
afterAll(() => service[Symbol.asyncDispose]());

describe('a batch', () => {
  test('200 with a result for each item in order, and the totals', async () => {
    await service.save('in a batch');
    const answer = await service.batch(['new in a batch', 'in a batch', { json: [1] }, 'new in a batch']);
    expect(answer.statusCode).toBe(200);
    expect(bodyOf(answer)).toMatchObject({
      results: [{ status: 201 }, { status: 409, code: 'duplicate-item' }, { status: 201 }, { status: 409 }],
      saved: 2,
      replayed: 0,
      duplicates: 2,
      failed: 0,
    });
  });

  test('207 when an item fails', async () => {
    const answer = await service.batch(['fine', 5]);
    expect(answer.statusCode).toBe(207);
    expect(bodyOf(answer)).toMatchObject({ results: [{ status: 201 }, { status: 422 }], saved: 1, failed: 1 });
  });

  test('several megabytes, with the query', async () => {
    const contents = Array.from({ length: 100 }, (_, n) => `${n} ${'x'.repeat(60_000)}`);
    const items = contents.map((content) => ({ content }));
    const answer = await service.ask('POST', '/v1/items/batch?first=7', JSON_BODY, JSON.stringify({ items }));
    expect(bodyOf(answer)).toMatchObject({ saved: 100 });
    problemInBody(
      await service.ask('POST', '/v1/items/batch?first=x', JSON_BODY, '{}'),
      '/v1/items/batch',
      422,
      'validation-failed',
    );
  });
});

describe('a stream', () => {
  test('each result arrives while the rest is still to be sent', async () => {
    using client = new LineClient(service.stack.url);
    const head = await client.head();
    expect(head).toMatchObject({ statusCode: 200, headers: { 'content-type': 'application/x-ndjson' } });
    expect(head.headers['x-request-id']).toMatch(/./);
    await client.read();
    for (const n of [1, 2, 3]) {
      client.sendContent(`line ${n}`);
      await expect.poll(() => client.lines.length, eventually).toBe(n);
    }
    client.send('nonsense\n');
    client.outgoing.end();
    await expect.poll(() => client.end, eventually).toBe('complete');
    expect(client.lines.map(({ status }) => status)).toEqual([201, 201, 201, 400]);
  });

  test('40 MB go through at the pace of a reader who first takes his time', async () => {
    using client = new LineClient(service.stack.url, { prefer: 'return=minimal' });
    await client.head();
    const line = `{"content":"${'y'.repeat(60_000)}"}\n`;
    let [sent, counted] = [0, 0];
    const count = 660;
    const sendMore = () => {
      while (sent < count && !client.outgoing.writableNeedDrain) {
        client.outgoing.write(line);
        sent++;
      }
      if (sent === count) client.outgoing.end();
    };
    client.outgoing.on('drain', sendMore);
    sendMore();
    // Until nothing moves any more, or all of it has found room in the buffers on the way.
    await expect
      .poll(
        () => {
          const before = counted;
          counted = sent;
          return sent === count || before === sent;
        },
        { timeout: 30_000, interval: 500 },
      )
      .toBe(true);
    await client.read();
    await expect.poll(() => client.end, { timeout: 60_000, interval: 50 }).toBe('complete');
    expect(Map.groupBy(client.lines, ({ status }) => status).get(409)).toHaveLength(count - 1);
  });

  test('with a length it is not held against the limit of a JSON body', async () => {
    const body = `{"content":"announced ${'x'.repeat(10_000)}"}\n`.repeat(1_000);
    expect(body.length).toBeGreaterThan(8_388_608);
    const answer = await service.ask(
      'POST',
      '/v1/items/batch',
      { 'content-type': 'application/x-ndjson', 'content-length': `${body.length}`, prefer: 'return=minimal' },
      body,
    );
    expect(answer.body.split('\n')).toHaveLength(1_001);
  });

  test('is refused with a problem before it begins', async () => {
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': '""' };
    expect(problemInBody(await service.ask('POST', '/v1/items/batch', headers, '{}\n'), '/v1/items/batch').status).toBe(
      400,
    );
  });
});

describe('an instance that goes away', () => {
  test('killed under batches: nginx sends them again, and no item is a duplicate of itself', async () => {
    const [victim] = service.stack.instances;
    let sent = 0;
    const over = new AbortController();
    const wrong: unknown[] = [];
    const client = async (name: string): Promise<void> => {
      for (let n = 0; !over.signal.aborted; n++) {
        const answer = await service.batch(Array.from({ length: 20 }, (_, i) => `${name} ${n} ${i}`));
        sent++;
        const { results } = bodyOf(answer) as { results?: Result[] };
        if (answer.statusCode !== 200 || results?.some(({ status }) => status !== 201))
          wrong.push(answer.body.slice(0, 500));
      }
    };
    const clients = Promise.all(Array.from({ length: 8 }, (_, n) => client(`killed ${n}`)));
    for (let round = 0; round < 3; round++) {
      const before = sent;
      await waitFor(() => sent > before + 40, { timeoutMs: 30_000, what: 'no batches went through' });
      await victim?.kill();
      await victim?.start();
      await victim?.ready();
    }
    over.abort();
    await clients;
    expect(wrong).toEqual([]);
  });

  test('stopped under a stream: what was begun is answered, the end is missing, and the rest goes on elsewhere', async () => {
    const key = { 'idempotency-key': 'resumed' };
    using first = new LineClient(service.stack.url, key);
    await first.read();
    for (let n = 1; n <= 100; n++) first.sendContent(`resumed ${n}`);
    await expect.poll(() => first.lines.length, eventually).toBe(100);
    // Whichever has it: one after the other they are told to stop.
    for (const instance of service.stack.instances) {
      await instance.stop();
      await instance.start();
      await instance.ready();
    }
    await expect.poll(() => first.end, eventually).toBe('cut');
    expect(first.lines.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 201));
    // As a client does that is not sure of the last few.
    using second = new LineClient(service.stack.url, key, '?first=91');
    await second.read();
    for (let n = 91; n <= 110; n++) second.sendContent(`resumed ${n}`);
    second.outgoing.end();
    await expect.poll(() => second.end, eventually).toBe('complete');
    expect(second.lines.map(({ status, replayed }) => [status, replayed ?? false])).toEqual(
      Array.from({ length: 20 }, (_, i) => [201, i < 10]),
    );
  });
});
