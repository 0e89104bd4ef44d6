// A page that has its own name lead to this machine (DNS rebinding) reads nothing, and pages of other sites send nothing.
import { connect } from 'node:http2';
import { json } from 'node:stream/consumers';
import { afterAll, describe, expect, test } from 'vitest';
import { buildStreamApp } from '../../src/app.ts';
import { isKnownHost } from '../../src/http/known-hosts.ts';
import { load, refusal, SENTINELS } from '../support/load-config.ts';
import { problemOf } from '../support/problem-of.ts';
import { createTestApp } from '../support/test-app.ts';

const OURS = [
  '127.0.0.1:8080',
  '10.1.2.3',
  '[::1]:8080',
  '[::ffff:127.0.0.1]',
  'localhost',
  'LOCALHOST:8080',
  'localhost.',
  'a.localhost',
  'api:3000',
  'host.docker.internal:8080',
  'printer.local',
  'api.items.svc:9464',
  'api.items.svc.cluster.local',
  'Items.Example:8443',
];
const OTHERS = [
  'evil.example',
  'evil.example:8080',
  'evil.example.',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  'items.example.evil.example',
  'xitems.example',
  '127.0.0.1.nip.io',
  '0x7f.1',
  '127.1',
  '[evil.example]',
  '[::1',
  'a:b:c',
  '127.0.0.1@evil.example',
];

test.each(OURS)('%s is a name of ours', (host) => expect(isKnownHost(host, ['items.example'])).toBe(true));
test.each(OTHERS)('%s is not', (host) => {
  expect(isKnownHost(host, ['items.example'])).toBe(false);
  expect(isKnownHost(host, ['*'])).toBe(true);
});

const open = await createTestApp({ allowedHosts: ['items.example'] });
const withKeys = await createTestApp({ keys: { callerOf: () => null, isStillValid: () => false } });
afterAll(() => Promise.all([open, withKeys].map(({ app }) => app.close())));

describe('where nobody is asked for a key', () => {
  const rebound = { host: 'evil.example:8080', origin: 'http://evil.example:8080', 'sec-fetch-site': 'same-origin' };

  test.each(['/v1/items', '/v1/items/1-0-0', '/v1/stats', '/metrics', '/openapi.json'])(
    '%s is read under names of ours only',
    async (url) => {
      expect(problemOf(await open.get(url, rebound), 400, 'bad-request').detail).toContain('ALLOWED_HOSTS');
      for (const host of ['localhost:8080', 'items.example']) {
        expect((await open.get(url, { host })).statusCode, host).not.toBe(400);
      }
    },
  );

  test('nothing is saved or erased', async () => {
    problemOf(await open.save('rebound', rebound), 400, 'bad-request');
    const headers = rebound;
    problemOf(await open.app.inject({ method: 'DELETE', url: '/v1/items/1-0-0', headers }), 400, 'bad-request');
    expect(open.items.saves).toEqual([]);
  });

  test('over HTTP/2, where it has another name, too', async () => {
    const streams = await createTestApp({}, buildStreamApp);
    const session = connect(await streams.app.listen({ host: '127.0.0.1', port: 0 }));
    const codes: unknown[] = [];
    for (const authority of ['evil.example', 'localhost']) {
      const stream = session.request({ ':method': 'POST', ':path': '/v1/items/batch', ':authority': authority });
      codes.push(((await json(stream.end())) as { code: string }).code);
    }
    session.close();
    await streams.app.close();
    expect(codes).toEqual(['bad-request', 'malformed-json']);
  });
});

test('where keys are asked for every name is served: no browser has a key', async () => {
  const answer = await withKeys.get('/v1/items', { host: 'evil.example' });
  expect(problemOf(answer, 401, 'unauthorized').instance).toBe('/v1/items');
});

test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''])(
  'a form of another site, or a script without leave (%s), saves nothing',
  async (type) => {
    const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'content-type': type };
    for (const url of ['/v1/items', '/v1/items/batch', '/v1/items/lookup']) {
      problemOf(await open.post('{"content":"forged"}', headers, url), 415, 'unsupported-media-type');
    }
    expect(open.items.saves).toEqual([]);
  },
);

describe('ALLOWED_HOSTS', () => {
  test.each<[string | undefined, string[] | undefined]>([
    [undefined, undefined],
    ['', undefined],
    ['Items.Example, other.example', ['items.example', 'other.example']],
    ['*', ['*']],
  ])('%s', (text, expected) => {
    expect(load({ ...SENTINELS, ALLOWED_HOSTS: text }).ALLOWED_HOSTS).toEqual(expected);
  });

  test.each(['items.example:8080', 'https://items.example', '*.example', 'a,,b'])('not %s', (text) => {
    expect(refusal({ ...SENTINELS, ALLOWED_HOSTS: text })).toMatch(/^ALLOWED_HOSTS /);
  });
});
