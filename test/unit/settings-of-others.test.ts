// Settings of Redis, nginx and the Redis client that our promises rest on: whoever changes one of them must see this.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import * as limits from '../../src/http/limits.ts';
import { commonOptions, targetOptions } from '../../src/redis/connection-options.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const NGINX = read('nginx.conf');
const REDIS = read('ops/redis/redis.conf');

/** The values of a directive, wherever it stands. */
const directives = (text: string, name: string) =>
  [...text.matchAll(new RegExp(`^ *${name} +(.*?);?$`, 'gm'))].map(([, value]) => value);

const bytesOf = (size: string | undefined) =>
  Number.parseInt(size ?? '', 10) * ({ k: 1_024, m: 1_048_576 }[size?.at(-1) ?? ''] ?? 1);

describe('nginx', () => {
  test('sets the attempt id itself, once for all requests, so that a client’s own does not get through', () => {
    const headers = directives(NGINX, 'proxy_set_header');
    expect(headers.filter((header) => header?.startsWith('X-Attempt-Id'))).toEqual(['X-Attempt-Id $request_id']);
    // One in a location would take away all those above it.
    const perLocation = /^ {8,}proxy_set_header/m;
    expect(NGINX).not.toMatch(perLocation);
  });

  test('says the same of a stream, with a Host that HTTP/2 takes', () => {
    const ofStreams = directives(NGINX, 'grpc_set_header').filter((header) => header !== 'Proxy-Connection ""');
    expect(ofStreams.map((header) => header?.replace('$stream_host', '$upstream_host'))).toEqual(
      directives(NGINX, 'proxy_set_header').filter((header) => !header?.startsWith('Connection ')),
    );
    expect(NGINX).not.toMatch(/^ {8,}grpc_set_header/m);
  });

  test('takes bodies of the sizes that the service takes, and waits longer for a stream than the service does', () => {
    expect(
      directives(NGINX, 'client_max_body_size')
        .map(bytesOf)
        .filter((bytes) => bytes > 0),
    ).toEqual([limits.MAX_BODY_BYTES, limits.MAX_BATCH_BODY_BYTES]);
    for (const detail of [`at most ${limits.MAX_BODY_BYTES} bytes.`, `at most ${limits.MAX_BATCH_BODY_BYTES} bytes;`]) {
      expect(NGINX).toContain(detail);
    }
    for (const name of ['grpc_read_timeout', 'grpc_send_timeout']) {
      const [waitMs] = directives(NGINX, name).map((value) => Number.parseFloat(value ?? '') * 1_000);
      expect(waitMs).toBeGreaterThan(
        limits.STREAM_IDLE_MS + loadConfig({ REDIS_URL: 'redis://localhost' }, () => '').SAVE_DEADLINE_MS,
      );
    }
  });

  test('has no rewrite and no expression with captures, where its memory bugs were', () => {
    const lines = NGINX.split('\n').filter((line) => !/^ *#/.test(line));
    expect(lines.filter((line) => /\brewrite\b/.test(line))).toEqual([]);
    const expressions = lines.filter((line) => /(^|["\s])~/.test(line));
    expect(expressions).toHaveLength(7);
    expect(expressions.filter((line) => line.includes('('))).toEqual([]);
    // Else nginx would answer with an id that the service replaces, or the other way round.
    const [, ids] = /^const REQUEST_ID = \/(.*)\/;$/m.exec(read('src/http/request-headers.ts')) ?? [];
    expect(expressions[0]).toContain(`"~${ids}" $http_x_request_id;`);
  });

  test('takes heads and waits for clients as the service does', () => {
    const [buffers = ''] = directives(NGINX, 'large_client_header_buffers');
    const [count, size] = buffers.split(' ');
    expect(Number(count) * bytesOf(size)).toBe(limits.MAX_HEADER_BYTES);
    expect(NGINX).toContain(`at most ${bytesOf(size)} bytes, all of them together ${limits.MAX_HEADER_BYTES}.`);
    const msOf = (name: string) => directives(NGINX, name).map((value) => Number.parseFloat(value ?? '') * 1_000);
    expect(msOf('client_header_timeout')).toEqual([limits.HEADERS_TIMEOUT_MS]);
    // The longest pause in a body; the service counts the whole of one.
    expect(Math.min(...msOf('client_body_timeout'))).toBeLessThan(limits.REQUEST_TIMEOUT_MS);
    // Of the instances: whoever closes an idle connection must not be the one that is asked next.
    expect(Math.max(...msOf('keepalive_timeout'))).toBeLessThan(limits.KEEP_ALIVE_TIMEOUT_MS);
    // The feed is the only answer that nginx waits longer for than for a save.
    expect(Math.max(...msOf('proxy_read_timeout'))).toBeGreaterThan(2 * limits.FEED_HEARTBEAT_MS);
    // Those that a worker of nginx keeps open are a small part of what an instance takes.
    const [keptOpen] = directives(NGINX, 'keepalive').map(Number);
    expect(limits.MAX_CONNECTIONS).toBeGreaterThan(keptOpen ?? Infinity);
  });

  test('waits longer than a save may take', () => {
    const { SAVE_DEADLINE_MS } = loadConfig({ REDIS_URL: 'redis://localhost' }, () => '');
    const waits = directives(NGINX, 'proxy_read_timeout').map((value) => Number.parseFloat(value ?? '') * 1_000);
    expect(waits.length).toBeGreaterThan(0);
    for (const waitMs of waits) expect(waitMs).toBeGreaterThan(SAVE_DEADLINE_MS);
  });
});

test('Node is started with the same flags everywhere', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: { start: string } };
  const flags = scripts.start.split(' ').filter((part) => part.startsWith('--'));
  expect(flags).toHaveLength(2);
  expect(read('Dockerfile')).toContain(`CMD ["node", ${flags.map((flag) => `"${flag}"`).join(', ')}, "src/main.ts"]`);
  expect(read('stack/instance.ts')).toContain(`process.execPath, ${flags.map((flag) => `'${flag}'`).join(', ')}, main`);
});

describe('Redis', () => {
  test.each([
    ['maxmemory-policy', 'noeviction', 'an eviction would forget a content'],
    ['appendonly', 'yes', 'a master that is back before anybody missed it would be empty'],
    ['appendfsync', 'no', 'everysec puts the write itself off'],
    ['save', '""', 'the append-only file is the one form'],
    ['repl-diskless-load', 'disabled', 'a replica would drop what it has before it has the copy'],
  ])('%s is %s: else %s', (name, value) => {
    expect(directives(REDIS, name)).toEqual([value]);
  });
});

describe('the Redis client', () => {
  const options = commonOptions('commit', 1_000);

  test('sends nothing again by itself and keeps nothing for a later connection', () => {
    expect(options).toMatchObject({
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      enableAutoPipelining: false,
      enableReadyCheck: true,
    });
  });

  test('leaves a node that is no longer master, without sending the command again', () => {
    const decide = options.reconnectOnError!;
    expect(decide(new Error("READONLY You can't write against a read only replica."))).toBe(1);
    expect(decide(new Error('OOM command not allowed'))).toBe(false);
  });

  test('notices silence, and gives the socket up before the command', () => {
    expect(options.socketTimeout).toBeLessThanOrEqual(2_500);
    expect(options.commandTimeout).toBeGreaterThan(options.socketTimeout!);
  });

  test('is not held up by a Sentinel that is silent, and never ends for good', () => {
    const target = { kind: 'sentinel', sentinels: [{ host: 'one', port: 1 }], masterName: 'items' } as const;
    expect(targetOptions({ target })).toMatchObject({ sentinelCommandTimeout: 500, failoverDetector: false });
  });
});
