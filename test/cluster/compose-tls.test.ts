// The compose file with its TLS overlay: the same stack, with nothing in the open between clients, nginx and Redis.
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caOf, makeCertificates } from '../../stack/certificates.ts';
import { type ComposeStack, defineStack, dockerAnswers } from '../support/compose.ts';
import { withComposeStack } from '../support/compose-hooks.ts';
import { httpsClient } from '../support/https-client.ts';

// That the engine must be there with REQUIRE_DOCKER=1 is said by compose.test.ts.
const docker = dockerAnswers();

let dir: string;
let stack: ComposeStack;
let client: ReturnType<typeof httpsClient>;
const save = (content: string) => client.ask('POST', '/v1/items', JSON.stringify({ content }));

describe.skipIf(!docker)('docker compose with TLS (needs a Docker engine)', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'items-compose-tls-'));
    makeCertificates(dir);
  });
  withComposeStack(async () => (stack = await defineStack({ tlsDir: dir })));
  beforeAll(() => {
    client = httpsClient(stack.url, caOf(dir));
  });
  afterAll(async () => {
    client.close();
    await rm(dir, { recursive: true, force: true });
  });

  test('clients come in over HTTPS, and are sent there from plain HTTP', async () => {
    expect([(await save('once')).status, (await save('once')).status]).toEqual([201, 409]);
    const sent = await fetch(`${stack.plainUrl}/v1/stats`, { redirect: 'manual' });
    expect([sent.status, sent.headers.get('location')]).toEqual([308, `${stack.url}/v1/stats`]);
  });

  test('Redis and Sentinel listen with TLS only, under the names that their certificate is for', async () => {
    const [api] = await stack.containers('api');
    for (const [node, port] of [
      ['redis-2', 6_379],
      ['sentinel-3', 26_379],
    ] as const) {
      expect(await stack.exec(api!, 'node', '-e', OVER_TLS, node, `${port}`), node).toMatch(/^-NOAUTH/);
      expect(await stack.exec(api!, 'node', '-e', IN_THE_OPEN, node, `${port}`), node).not.toMatch(/NOAUTH|PONG/);
    }
  });

  test('a new certificate of nginx is served after a reload, and the container is the same', async () => {
    const [before, [nginx]] = [await servedCertificate(), await stack.containers('nginx')];
    await truncate(join(dir, 'nginx.crt'));
    makeCertificates(dir);
    await stack.compose('kill', '--signal', 'HUP', 'nginx');
    await expect.poll(servedCertificate, eventually).not.toBe(before);
    expect((await stack.containers('nginx')).map(({ id }) => id)).toEqual([nginx?.id]);
    // The connection to the old worker may end in the moment in which it is used.
    await expect.poll(async () => (await save('once')).status, eventually).toBe(409);
  });

  test('a master that is killed is replaced', async () => {
    const master = async () =>
      (await stack.operator('sentinel-1:26379', 'sentinel', 'get-master-addr-by-name', 'items')).split('\n')[0];
    const before = await master();
    await stack.compose('kill', '--signal', 'KILL', before!);
    await expect.poll(master, eventually).not.toBe(before);
    await expect.poll(async () => (await save('after the failover')).status, eventually).toBeOneOf([201, 409]);
    expect((await save('once')).status).toBe(409);
    await stack.scale(2);
    expect((await stack.operator(`${before}:6379`, 'role')).split('\n')[0]).toBe('slave');
  });
});

test.skipIf(!docker)('without certificates nothing starts, and no directory is made in their place', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'items-compose-no-tls-'));
  const bare = await defineStack({ tlsDir: empty });
  try {
    await expect(bare.compose('create', 'redis-1')).rejects.toThrow(
      // Which of the files it names is the engine's choice, another each time.
      new RegExp(`bind source path does not exist: ${empty}/\\w+\\.(crt|key)`),
    );
    expect(await readdir(empty)).toEqual([]);
  } finally {
    await bare.remove();
    await rm(empty, { recursive: true });
  }
});

const eventually = { timeout: 60_000, interval: 250 };

/** The fingerprint of what a new connection to nginx is shown, and that the authority has signed it. */
async function servedCertificate(): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(stack.url).port), ca: caOf(dir) }, () => {
    resolve(socket.getPeerX509Certificate()?.fingerprint256);
    socket.end();
  }).on('error', reject);
  return promise;
}

const OVER_TLS = `const [host, port] = process.argv.slice(1);
const ca = require('node:fs').readFileSync(process.env.REDIS_TLS_CA_FILE);
const s = require('node:tls').connect({ host, port, ca }, () => s.end('PING\\r\\n'));
s.on('data', (d) => process.stdout.write(d));`;
const IN_THE_OPEN = `const [host, port] = process.argv.slice(1);
const s = require('node:net').connect(port, host, () => s.end('PING\\r\\n'));
s.on('data', (d) => process.stdout.write(d)).on('error', () => {});`;
