// An instance that is killed at any point of the save path: the same request sent to another gets its 201, and saves once.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { FAULT_POINTS } from '../../src/items/fault-points.ts';
import { openStore } from '../../src/redis/store.ts';
import { loginSettings } from '../../stack/secrets.ts';
import { accessTo, command, recordingObservers } from '../support/open-store.ts';
import { ServiceProcess } from '../support/service-process.ts';

const ENTRY = fileURLToPath(new URL('../support/dying-service.ts', import.meta.url));
const SETTINGS = {
  REDIS_SENTINELS: inject('sentinels'),
  ...loginSettings(inject('secrets'), 'service'),
  REDIS_KEY_PREFIX: `test-${randomUUID()}:`,
  TRUST_PROXY: '127.0.0.1',
};

const SOME_ID: unknown = expect.any(String);

let survivor: ServiceProcess;
let survivorUrl: string;
beforeAll(async () => {
  survivor = new ServiceProcess(SETTINGS);
  survivorUrl = await survivor.ready();
});
afterAll(() => survivor[Symbol.asyncDispose]());

type Answer = { readonly status: number; readonly body: { readonly id?: string; readonly item?: { id: string } } };

async function post(url: string, content: string, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await fetch(`${url}/v1/items`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ content }),
  });
  return { status: answer.status, body: (await answer.json()) as Answer['body'] };
}

/** How often a content is stored, over all partitions. */
async function timesStored(content: string): Promise<number> {
  const page = (await (await fetch(`${survivorUrl}/v1/items?limit=1000`)).json()) as { items: { content: string }[] };
  return page.items.filter((item) => item.content === content).length;
}

test('after-script comes with the reply of the script, long before that of a WAIT that takes its time', async () => {
  let probedAtMs = Number.NaN;
  const store = openStore(
    {
      access: accessTo(inject('sentinels')),
      space: { prefix: SETTINGS.REDIS_KEY_PREFIX, partitions: 16, buckets: 8 },
      // More replicas than there are, so that the WAIT lasts until its time is over.
      acks: 9,
      ackTimeoutMs: 1_000,
      lockTtlMs: 10_000,
      deadlineMs: 1_000,
    },
    recordingObservers([]),
    {
      probe(point) {
        expect(point).toBe('after-script');
        probedAtMs = performance.now();
      },
    },
  );
  // A process that is held up meanwhile gets both replies at once.
  const isLongBefore = async () => {
    probedAtMs = Number.NaN;
    const { kind } = await store.items.commit([command('slow')]);
    return kind === 'unknown' && performance.now() - probedAtMs > 500;
  };
  await expect.poll(isLongBefore, { timeout: 30_000 }).toBe(true);
  await store.close(0);
});

describe.each(FAULT_POINTS)('killed %s', (point) => {
  test.each([
    ['X-Attempt-Id', 'x-attempt-id'],
    ['Idempotency-Key', 'idempotency-key'],
  ])('with the same %s', async (_, header) => {
    await using dying = new ServiceProcess(SETTINGS, undefined, [ENTRY, point, '3']);
    const url = await dying.ready();
    const posted: { content: string; same: Record<string, string>; id: unknown }[] = [];
    do {
      const [content, same] = [randomUUID(), { [header]: randomUUID() }];
      const id = await post(url, content, same).then(
        ({ body }) => body.id,
        () => SOME_ID,
      );
      posted.push({ content, same, id });
      // Killed behind its answers, it may have got the last one out.
    } while (!dying.lines.some(({ msg }) => msg === 'died') && posted.length < 20);
    expect(await dying.ended()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(dying.lines.at(-1)).toMatchObject({ msg: 'died', point });

    for (const { content, same, id } of posted) {
      expect(await post(survivorUrl, content, same)).toMatchObject({ status: 201, body: { id } });
      expect(await post(survivorUrl, content)).toMatchObject({ status: 409, body: { item: { id } } });
      expect(await timesStored(content)).toBe(1);
    }
  });
});
