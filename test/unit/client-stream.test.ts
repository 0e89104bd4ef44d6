// The client's stream of lines against a service that cuts, fails and refuses.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BatchResult, Content } from '../../client/contract.ts';
import { ItemsClient, type StreamCall } from '../../client/items-client.ts';
import { type Fault, ScriptedService } from '../support/scripted-service.ts';

/** Without pauses, so that a unit test is one. */
const retry = { baseMs: 0, capMs: 0, deadlineMs: 10_000 };

async function all(results: AsyncIterable<BatchResult>): Promise<BatchResult[]> {
  const taken: BatchResult[] = [];
  for await (const result of results) taken.push(result);
  return taken;
}

const kinds = (results: BatchResult[]): string[] =>
  results.map((result) => (result.kind === 'failed' ? result.code : result.kind));

async function stream(contents: Content[], faults: Fault[], call: StreamCall = {}) {
  await using service = await ScriptedService.start();
  service.faults.push(...faults);
  const client = new ItemsClient({ baseUrl: service.url, retry });
  const results = await all(client.saveStream(contents, { idempotencyKey: 'k', ...call }));
  return { service, results };
}

describe.each([true, false])('full duplex: %s', (fullDuplex) => {
  test('results come in order, each of its line', async () => {
    const { results } = await stream(['a', 'b', 'a', { c: 1 }], [], { fullDuplex });
    expect(kinds(results)).toEqual(['saved', 'saved', 'duplicate', 'saved']);
    expect(results[3]).toMatchObject({ item: { content: { c: 1 } } });
  });

  test('a cut loses nothing: what was saved unanswered is replayed, duplicates stay duplicates', async () => {
    const contents = ['a', 'b', 'b', 'c', 'd', 'a'];
    const { results, service } = await stream(contents, [{ cutAt: 1, savesMore: 3 }], { fullDuplex });
    const expected = ['kept', 'kept', 'duplicate', 'kept', 'kept', 'duplicate'];
    expect(kinds(results).map((kind) => (kind === 'duplicate' ? kind : 'kept'))).toEqual(expected);
    expect(kinds(results)).toContain('replayed');
    expect(service.requests).toHaveLength(2);
  });

  test('any faults leave the same totals and the same items', async () => {
    const fault = fc.oneof(
      fc.record({ cutAt: fc.nat(30), savesMore: fc.nat(20) }),
      fc.record({ failAt: fc.nat(30), lineStatus: fc.constantFrom(503, 429) }),
      fc.record({ status: fc.constantFrom(500, 502, 503, 429) }),
    );
    const contents = Array.from({ length: 60 }, (_, n) => `content ${n % 45}`);
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 6 }), fc.integer({ min: 1, max: 70 }), async (faults, maxLines) => {
        const { results, service } = await stream(contents, faults, { fullDuplex, maxLines });
        // Which of two equal lines is the duplicate may change: the one that failed first comes second.
        expect(results.filter(({ kind }) => kind === 'saved' || kind === 'replayed')).toHaveLength(45);
        expect(results.filter(({ kind }) => kind === 'duplicate')).toHaveLength(15);
        expect(service.stored.size).toBe(45);
      }),
      { numRuns: 15 },
    );
  });

  test('a source that pauses is answered meanwhile', async () => {
    await using service = await ScriptedService.start();
    const client = new ItemsClient({ baseUrl: service.url, retry });
    const { promise: answered, resolve: goOn } = Promise.withResolvers<void>();
    async function* source(): AsyncGenerator<Content> {
      yield 'first';
      await answered;
      yield 'second';
    }
    const seen: string[] = [];
    for await (const result of client.saveStream(source(), { fullDuplex })) {
      seen.push(result.kind);
      goOn();
    }
    expect(seen).toEqual(['saved', 'saved']);
  });
});

test('a reader that takes nothing stops the source within the window', async () => {
  await using service = await ScriptedService.start();
  const client = new ItemsClient({ baseUrl: service.url, retry });
  let read = 0;
  async function* source(): AsyncGenerator<Content> {
    for (;;) yield `content ${read++}`;
  }
  const results = client.saveStream(source(), { maxLines: 100 });
  for (let taken = 0; taken < 500; taken++) await results.next();
  // Everything in flight settles: the service has answered all that the window lets out.
  await expect.poll(() => service.linesRead).toBeGreaterThanOrEqual(500);
  expect(read).toBeLessThanOrEqual(601);
  await results.return();
});

test('a line that is refused fails alone; one at which the service itself fails is given up after three attempts', async () => {
  const faults = [1, 0, 0].map((failAt) => ({ failAt, lineStatus: 500 }));
  const { results } = await stream(['a', 'b', 'c'], faults);
  expect(kinds(results)).toEqual(['saved', 'scripted-500', 'replayed']);
});

test('the numbers go on from `first`', async () => {
  await using service = await ScriptedService.start();
  const client = new ItemsClient({ baseUrl: service.url, retry });
  await all(client.saveStream(['a', 'b', 'c'], { idempotencyKey: 'k' }));
  const again = await all(client.saveStream(['b', 'c', 'a'], { idempotencyKey: 'k', first: 2, minimal: true }));
  expect(kinds(again)).toEqual(['replayed', 'replayed', 'duplicate']);
  expect(again[0]).toEqual({ kind: 'replayed', id: '1763712000000-1-0' });
});

test('a refusal ends the stream with the problem', async () => {
  await expect(stream(['a'], [{ status: 422 }])).rejects.toMatchObject({ status: 422, code: 'scripted-422' });
});

test('the error of the source comes behind the results of what it gave', async () => {
  await using service = await ScriptedService.start();
  const client = new ItemsClient({ baseUrl: service.url, retry });
  const results = client.saveStream(failingSource());
  expect(await results.next()).toMatchObject({ value: { kind: 'saved' } });
  await expect(results.next()).rejects.toThrow('the disk is gone');
});

test('no progress until the deadline is an error', async () => {
  const faults = Array.from({ length: 200 }, () => ({ status: 503, headers: { 'retry-after': '1' } }));
  await using service = await ScriptedService.start();
  service.faults.push(...faults);
  const client = new ItemsClient({ baseUrl: service.url, retry: { ...retry, deadlineMs: 500 } });
  await expect(all(client.saveStream(['a']))).rejects.toMatchObject({ status: 503, retryAfterMs: 1_000 });
});

test('an answer that ends too early is a cut, and one after the other no progress', async () => {
  const { results } = await stream(['a', 'b', 'c'], [{ endAt: 1 }]);
  expect(kinds(results)).toEqual(['saved', 'saved', 'saved']);
  await using service = await ScriptedService.start();
  service.faults.push(...Array.from({ length: 10_000 }, () => ({ endAt: 0 })));
  const client = new ItemsClient({ baseUrl: service.url, retry: { ...retry, deadlineMs: 100 } });
  await expect(all(client.saveStream(['a']))).rejects.toThrow('ended before the last result');
});

test('behind a proxy that keeps requests until they are whole, a window is sent at a time', async () => {
  const contents = Array.from({ length: 25 }, (_, n) => `content ${n}`);
  const keeping = Array.from({ length: 10 }, () => ({ keepsRequest: true }));
  const { results, service } = await stream(contents, keeping, { maxLines: 10, unheardMs: 50 });
  expect(kinds(results)).toEqual(contents.map(() => 'saved'));
  // The first one stands still with a full window and is given up; nothing of it was passed on.
  expect(service.requests.map(({ line }) => line.split('?')[1])).toEqual([
    'first=1',
    'first=1',
    'first=11',
    'first=21',
  ]);
});

test('a connection that is cut while nothing is owed is no interruption', async () => {
  await using service = await ScriptedService.start();
  const client = new ItemsClient({ baseUrl: service.url, retry });
  const { promise: answered, resolve: goOn } = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<Content> {
    yield 'a';
    await answered;
    const before = service.open;
    service.cutAll();
    await expect.poll(() => service.open).toBeLessThan(before);
    yield 'b';
  }
  const interruptions: Error[] = [];
  const seen: string[] = [];
  for await (const { kind } of client.saveStream(source(), { onInterruption: (error) => interruptions.push(error) })) {
    seen.push(kind);
    goOn();
  }
  expect({ seen, interruptions }).toEqual({ seen: ['saved', 'saved'], interruptions: [] });
});

test('silence of a service that owes a result is a cut', async () => {
  await using service = await ScriptedService.start();
  service.faults.push({ hangs: true });
  const client = new ItemsClient({ baseUrl: service.url, retry: { ...retry, attemptTimeoutMs: 50 } });
  expect(kinds(await all(client.saveStream(['a'])))).toEqual(['saved']);
});

test('the signal ends it with its reason', async () => {
  await using service = await ScriptedService.start();
  service.faults.push({ hangs: true });
  const stop = new AbortController();
  const client = new ItemsClient({ baseUrl: service.url, retry });
  const ended = all(client.saveStream(['a'], { signal: stop.signal }));
  await expect.poll(() => service.requests.length).toBe(1);
  stop.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
});

async function* failingSource(): AsyncGenerator<Content> {
  yield 'a';
  throw new Error('the disk is gone');
}
