// The whole system over TLS, as local processes: clients to nginx, and everybody to Redis and Sentinel, through a failover.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, createServer, type Server, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askRedis } from '../../stack/ask-redis.ts';
import { caFileOf, caOf, makeCertificates } from '../../stack/certificates.ts';
import { Instance } from '../../stack/instance.ts';
import { LocalLauncher } from '../../stack/local-launcher.ts';
import { Ports } from '../../stack/ports.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import { httpsClient } from '../support/https-client.ts';

let dir: string;
let stack: Stack;
let ca: string;
let client: ReturnType<typeof httpsClient>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'items-tls-'));
  const tls = join(dir, 'tls');
  makeCertificates(tls);
  ca = caOf(tls);
  stack = await startStack({ dir, tls, instances: 2, downAfterMs: 1_000 });
  client = httpsClient(stack.url, ca);
});
afterAll(async () => {
  client.close();
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

/** What a handshake comes to: protocol and cipher, or the code of the error. */
function handshake(port: number, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca, ...options }, () => {
      resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

// Without this, it would be our side that refuses old versions and weak ciphers.
const ANYTHING: ConnectionOptions = { ciphers: 'ALL:@SECLEVEL=0', minVersion: 'TLSv1' };
const listeners = () => [
  ['nginx', stack.nginx.port] as const,
  ['a Redis node', stack.redis.nodes[0]!.port] as const,
  ['a Sentinel', stack.redis.sentinelNodes[0]!.port] as const,
];

describe('a scan finds', () => {
  // A server that takes whatever there is: what the scan does not find at the others, it does find there.
  let weak: Server;
  let control: number;
  beforeAll(async () => {
    const [key, cert] = ['nginx.key', 'nginx.crt'].map((name) => readFileSync(join(dir, 'tls', name), 'utf8'));
    weak = createServer({ key, cert, ciphers: 'ALL:COMPLEMENTOFALL:@SECLEVEL=0', minVersion: 'TLSv1' });
    weak.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
    await once(weak, 'listening');
    control = (weak.address() as AddressInfo).port;
  });
  afterAll(() => weak.close());

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', async (version) => {
    for (const [name, port] of listeners()) {
      const found = await handshake(port, { minVersion: version, maxVersion: version });
      expect(found, name).toMatch(new RegExp(`^${RegExp.escape(version)} (TLS_|ECDHE-).*(GCM|POLY1305)`));
    }
  });

  test.each(['TLSv1', 'TLSv1.1'] as const)('not %s', async (version) => {
    for (const [name, port] of [...listeners(), ['control', control] as const]) {
      const found = await handshake(port, { ...ANYTHING, maxVersion: version });
      expect(found, name).toMatch(name === 'control' ? version : /ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/);
    }
  });

  test.each([
    ['CBC', 'ECDHE-ECDSA-AES128-SHA256'],
    ['CBC with SHA-1', 'ECDHE-ECDSA-AES256-SHA'],
    ['no encryption', 'ECDHE-ECDSA-NULL-SHA'],
    ['no certificate', 'AECDH-AES256-SHA'],
  ])('no cipher with %s', async (_, cipher) => {
    const options = { ciphers: `${cipher}:@SECLEVEL=0`, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
    for (const [name, port] of [...listeners(), ['control', control] as const]) {
      const found = await handshake(port, { ...options, rejectUnauthorized: name !== 'control' });
      expect(found, name).toMatch(name === 'control' ? cipher : /HANDSHAKE_FAILURE/);
    }
  });

  test('a certificate that is for these names and no others', async () => {
    for (const [name, port] of listeners()) {
      expect(await handshake(port, { servername: 'localhost' }), name).toMatch(/^TLS/);
      expect(await handshake(port, { servername: 'elsewhere.example' }), name).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
      expect(await handshake(port, { ca: [] }), name).toMatch(/UNABLE_TO_GET_ISSUER|SELF_SIGNED|UNABLE_TO_VERIFY/);
    }
  });
});

test('clients get HTTP/2, are told to stay with TLS, and are sent to it from plain HTTP', async () => {
  const session = connectHttp2(stack.url, { ca });
  const stream = session.request({ ':path': '/readyz' });
  const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve));
  stream.resume();
  session.close();
  expect(headers).toMatchObject({ ':status': 200, 'strict-transport-security': 'max-age=63072000' });

  for (const path of ['/v1/items/0-0-0', '/metrics']) {
    const answer = await client.ask('GET', path);
    expect([answer.status, answer.headers['strict-transport-security']]).toEqual([404, 'max-age=63072000']);
  }
  const sent = await fetch(`${stack.nginx.plainUrl}/v1/items?limit=1`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'x-request-id': 'caller-1' },
    body: '{}',
  });
  expect([sent.status, sent.headers.get('location')]).toEqual([308, `${stack.url}/v1/items?limit=1`]);
  expect(sent.headers.get('x-request-id')).toBe('caller-1');
});

test('a stream of lines goes through', async () => {
  const lines = Array.from({ length: 200 }, (_, n) => JSON.stringify({ content: `line ${n}` })).join('\n');
  const { status, body } = await client.ask('POST', '/v1/items/batch', lines, 'application/x-ndjson');
  expect([
    status,
    body
      .trimEnd()
      .split('\n')
      .filter((line) => line.startsWith('{"status":201')),
  ]).toMatchObject([200, { length: 200 }]);
});

test('Redis and Sentinel answer nobody without TLS', async () => {
  for (const { host, port } of [...stack.redis.nodes, ...stack.redis.sentinelNodes]) {
    const socket = connectTcp(port, host);
    socket.end('PING\r\n');
    const answer = Buffer.concat((await socket.toArray().catch(() => [])) as Buffer[]).toString('latin1');
    expect(answer).not.toMatch(/PONG|NOAUTH/);
  }
});

test('an instance that trusts another authority never gets to Redis', async () => {
  await using ports = await Ports.reserve();
  const other = join(dir, 'other');
  makeCertificates(other);
  const launcher = new LocalLauncher(join(dir, 'logs'));
  const { sentinels, masterName, secrets } = stack.redis;
  const env = { REDIS_TLS_CA_FILE: caFileOf(other), SAVE_DEADLINE_MS: '4000', LOCK_WAIT_MS: '1000' };
  const [port, streamPort] = [await ports.get('a'), await ports.get('b')];
  await using stranger = new Instance({
    launcher,
    name: 'stranger',
    port,
    streamPort,
    sentinels,
    masterName,
    secrets,
    env,
  });
  await stranger.start();
  // A busy machine gives a Sentinel up before it has seen the certificate.
  const why = /self-signed certificate|unable to (get|verify)|timed out|ETIMEDOUT/;
  await expect.poll(() => why.test(stranger.lastLogLines(200).join('\n')), eventually).toBe(true);
  // It goes on without Redis, and says so.
  const readiness = async () => {
    const answer = await fetch(`${stranger.url}/readyz`);
    return [answer.status, await answer.json()] as const;
  };
  await expect.poll(readiness, eventually).toMatchObject([503, { code: 'not-ready', storeReachable: false }]);
});

test('a master that is killed is replaced over TLS, and what was acknowledged is there', async () => {
  const acknowledged: string[] = [];
  const over = new AbortController();
  const load = (async () => {
    for (let n = 0; !over.signal.aborted; n++) {
      const { status } = await client.ask('POST', '/v1/items', JSON.stringify({ content: `saved ${n}` }));
      if (status === 201) acknowledged.push(`saved ${n}`);
      else if (status !== 503) throw new Error(`a save was answered ${status}`);
    }
  })();
  await expect.poll(() => acknowledged.length, eventually).toBeGreaterThan(50);
  const master = await stack.redis.masterNode();
  await master.kill();
  await expect.poll(() => stack.redis.master().catch(() => master.address), eventually).not.toBe(master.address);
  const before = acknowledged.length;
  await expect.poll(() => acknowledged.length, eventually).toBeGreaterThan(before + 50);
  over.abort();
  await load;
  await master.start();
  await stack.redis.settled();
  const stored = new Set<string>();
  for (let cursor = ''; ;) {
    const { body } = await client.ask('GET', `/v1/items?limit=1000${cursor}`);
    const page = JSON.parse(body) as { items: { content: string }[]; nextCursor: string | null };
    for (const { content } of page.items) stored.add(content);
    if (page.nextCursor === null) break;
    cursor = `&cursor=${encodeURIComponent(page.nextCursor)}`;
  }
  expect(acknowledged.filter((content) => !stored.has(content))).toEqual([]);
  // The replicas, too, came over TLS: there is no other port.
  const [role, , replicas] = (await askRedis(await stack.redis.masterNode(), ['ROLE'])) as [string, number, unknown[]];
  expect([role, replicas]).toMatchObject(['master', { length: 2 }]);
  expect(await stack.redis.refused()).toEqual([]);
});

const eventually = { timeout: 60_000, interval: 100 };
