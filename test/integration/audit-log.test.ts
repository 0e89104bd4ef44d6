// The audit log of a running service: a file of its own with every line in it, also when the process ends at once.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RedisServer } from '../support/redis-server.ts';
import { ServiceProcess } from '../support/service-process.ts';

const dir = mkdtempSync(join(tmpdir(), 'items-audit-'));
let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.started();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

const post = async (url: string, content: string): Promise<string> => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/items`, { method: 'POST', headers, body: JSON.stringify({ content }) });
  return ((await answer.json()) as { id: string }).id;
};
const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);

test('every answer that was given has its line after SIGTERM, and the next process adds to them', async () => {
  const path = join(dir, 'audit.log');
  const settings = { REDIS_URL: redis.url, AUDIT_LOG: path, SHUTDOWN_GRACE_MS: '2000' };
  const ids: string[] = [];
  for (const round of ['a', 'b']) {
    await using service = new ServiceProcess(settings);
    const url = await service.ready();
    ids.push(...(await Promise.all(Array.from({ length: 200 }, (_, i) => post(url, `${round} ${i}`)))));
    service.kill('SIGTERM');
    expect(await service.ended()).toEqual({ code: 0, signal: null });
  }
  const lines = linesOf(path);
  expect(new Set(lines.map(({ itemId }) => itemId))).toEqual(new Set(ids));
  expect(lines).toHaveLength(400);
  expect(lines[0]).toMatchObject({ event: 'save', outcome: 'saved', address: '127.0.0.1' });
  expect(lines[0]?.['time']).toMatch(/^\d{4}-.*Z$/);
  expect(statSync(path).mode & 0o077).toBe(0);
});

test('lines that wait when a process ends at once are written all the same', async () => {
  const path = join(dir, 'exit.log');
  const code = `
    import { readFileSync } from 'node:fs';
    const { waitFor } = await import('${new URL('../../stack/wait.ts', import.meta.url).href}');
    const { openAuditLog } = await import('${new URL('../../src/observability/audit-log.ts', import.meta.url).href}');
    const log = openAuditLog('${path}', { lost() {}, failed() {} });
    log.record({ outcome: 'first' });
    await waitFor(() => readFileSync('${path}', 'utf8') !== '', { timeoutMs: 10_000, everyMs: 5, what: 'the first line was not written' });
    for (let i = 0; i < 1_000; i++) log.record({ outcome: 'last' });
    process.exit(3);`;
  const args = ['--input-type=module', '--eval', code];
  await expect(promisify(execFile)(process.execPath, args)).rejects.toMatchObject({ code: 3 });
  expect(linesOf(path)).toHaveLength(1_001);
});

test('a file that cannot be written keeps it from starting', async () => {
  await using service = new ServiceProcess({ REDIS_URL: redis.url, AUDIT_LOG: join(dir, 'nowhere', 'audit.log') });
  expect(await service.ended()).toEqual({ code: 1, signal: null });
  expect(service.stderr).toBe('item-integration: AUDIT_LOG cannot be written: ENOENT\n');
});
