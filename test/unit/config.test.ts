// The settings: defaults, every refusal, and that no message gives a secret away.
import { describe, expect, test } from 'vitest';
import { SECRET_SETTINGS, settingsSchema } from '../../src/config.ts';
import { type Env, load, refusal, SENTINELS } from '../support/load-config.ts';

const STANDALONE = { REDIS_URL: 'redis://127.0.0.1:6379' };

describe('defaults', () => {
  test('with Sentinels', () => {
    const config = load(SENTINELS);
    expect(config).toMatchObject({
      PORT: 3000,
      REDIS_MASTER_NAME: 'items',
      ACKS: 'all',
      ACK_TIMEOUT_MS: 1_000,
      LOCK_TTL_MS: 10_000,
      LOCK_WAIT_MS: 2_000,
      SAVE_DEADLINE_MS: 12_000,
      MAX_PENDING_SAVES: 10_000,
      PARTITIONS: 16,
      INDEX_BUCKETS: 2_048,
      SHUTDOWN_GRACE_MS: 15_000,
      REDIS_SENTINELS: ['s1', 's2', 's3'].map((host) => ({ host, port: 26_379 })),
    });
    for (const name of ['METRICS_PORT', 'STREAM_PORT', 'TRUST_PROXY', 'REDIS_URL', ...SECRET_SETTINGS]) {
      expect(config).not.toHaveProperty(name);
    }
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('with one node nothing is replicated', () => {
    expect(load(STANDALONE)).toMatchObject({ ACKS: 0, ...STANDALONE });
  });

  test('an empty value is an unset one', () => {
    const empty = Object.fromEntries(
      [...Object.keys(settingsSchema.shape), ...SECRET_SETTINGS.map((name) => `${name}_FILE`)].map((name) => [
        name,
        '',
      ]),
    );
    expect(load({ ...empty, ...SENTINELS })).toEqual(load(SENTINELS));
  });

  test("other programs' variables do not matter", () => {
    const others = {
      HOME: '/root',
      PATH: '/bin',
      REDIS_PORT: 'tcp://10.0.0.1:6379',
      npm_config_host: 'x',
      HTTP_PROXY: 'y',
    };
    expect(load({ ...others, ...SENTINELS })).toEqual(load(SENTINELS));
  });

  test('every setting is described', () => {
    const undescribed = Object.entries(settingsSchema.shape).filter(([, schema]) => !schema.description);
    expect(undescribed).toEqual([]);
  });
});

test('values that are accepted', () => {
  const given = {
    ...SENTINELS,
    REDIS_SENTINELS: ' 10.0.0.1:26379 , [::1]:26380,redis-2.internal:1',
    TRUST_PROXY: 'loopback, 10.0.0.0/8',
    METRICS_PORT: '0',
    PORT: '0',
    ACKS: '2',
    LOG_LEVEL: 'silent',
    REDIS_KEY_PREFIX: 'acme:',
  };
  expect(load(given)).toMatchObject({
    REDIS_SENTINELS: [
      { host: '10.0.0.1', port: 26_379 },
      { host: '::1', port: 26_380 },
      { host: 'redis-2.internal', port: 1 },
    ],
    TRUST_PROXY: ['loopback', '10.0.0.0/8'],
    METRICS_PORT: 0,
    PORT: 0,
    ACKS: 2,
    LOG_LEVEL: 'silent',
    REDIS_KEY_PREFIX: 'acme:',
  });
});

describe('a value that cannot be is refused by its name', () => {
  test.each([
    ['LOG_LEVEL', 'verbose'],
    ['LOG_LEVEL', 'INFO'],
    ['ACKS', 'some'],
    ['ACKS', '17'],
    ['ACKS', '-1'],
    ['REDIS_SENTINELS', 's1'],
    ['REDIS_SENTINELS', 's1:26379,'],
    ['REDIS_SENTINELS', 's1:0'],
    ['REDIS_SENTINELS', 's1:65536'],
    ['REDIS_SENTINELS', 's1:26379 s2:26379'],
    ['REDIS_SENTINELS', 'redis://s1:26379'],
    ['REDIS_KEY_PREFIX', 'a{b}'],
    ['REDIS_KEY_PREFIX', 'x'.repeat(65)],
    ['TRUST_PROXY', 'loopback,'],
  ])('%s=%s', (name, value) => {
    expect(refusal({ ...SENTINELS, [name]: value })).toMatch(new RegExp(`^${name} `));
  });

  test.each([
    '127.0.0.1:6379',
    'http://127.0.0.1',
    'redis://',
    'redis:6379',
    'redis://:hunter2@',
    'redis://user:hunter2%zz@host',
    'redis://host/db',
    'redis://host/1/2',
    'not a url hunter2',
  ])('REDIS_URL=%s', (value) => {
    expect(refusal({ REDIS_URL: value })).toMatch(/^REDIS_URL /);
  });

  test('several of them are all named', () => {
    const message = refusal({ ...SENTINELS, PORT: 'x', LOG_LEVEL: 'x', PARTITIONS: '0' });
    for (const name of ['PORT', 'LOG_LEVEL', 'PARTITIONS']) expect(message).toContain(name);
  });
});

describe('contradictions', () => {
  test.each<[string, Env, ...string[]]>([
    ['a node and Sentinels', { ...STANDALONE, ...SENTINELS }, 'REDIS_URL', 'REDIS_SENTINELS'],
    ['neither', {}, 'REDIS_URL', 'REDIS_SENTINELS'],
    ['all replicas without Sentinels', { ...STANDALONE, ACKS: 'all' }, 'ACKS', 'REDIS_SENTINELS'],
    ['no replica with Sentinels', { ...SENTINELS, ACKS: '0' }, 'ACKS', 'REDIS_URL'],
    ['a lock as long as one attempt', { ...SENTINELS, LOCK_TTL_MS: '2000' }, 'LOCK_TTL_MS', 'ACK_TIMEOUT_MS'],
    ['an attempt as long as a lock', { ...SENTINELS, ACK_TIMEOUT_MS: '9000' }, 'LOCK_TTL_MS', 'ACK_TIMEOUT_MS'],
    [
      'a deadline as long as one attempt',
      { ...SENTINELS, LOCK_WAIT_MS: '0', SAVE_DEADLINE_MS: '2000' },
      'SAVE_DEADLINE_MS',
    ],
    ['a deadline within the wait', { ...SENTINELS, LOCK_WAIT_MS: '12000' }, 'SAVE_DEADLINE_MS', 'LOCK_WAIT_MS'],
    ['one port for two', { ...SENTINELS, PORT: '9000', METRICS_PORT: '9000' }, 'METRICS_PORT', 'PORT'],
    ['one port for two', { ...SENTINELS, METRICS_PORT: '9000', STREAM_PORT: '9000' }, 'STREAM_PORT', 'METRICS_PORT'],
    ['two passwords', { REDIS_URL: 'redis://:hunter2@h', REDIS_PASSWORD: 'hunter2' }, 'REDIS_URL', 'REDIS_PASSWORD'],
    ['two users', { REDIS_URL: 'redis://a:hunter2@h', REDIS_USERNAME: 'b' }, 'REDIS_URL', 'REDIS_USERNAME'],
  ])('%s', (_name, env, ...names) => {
    const message = refusal(env);
    for (const name of names) expect(message).toContain(name);
  });

  test('one more millisecond is enough', () => {
    expect(load({ ...SENTINELS, LOCK_TTL_MS: '2001', LOCK_WAIT_MS: '0', SAVE_DEADLINE_MS: '2001' })).toBeDefined();
    expect(load({ ...SENTINELS, PORT: '0', METRICS_PORT: '0' })).toBeDefined();
  });
});

describe('secrets', () => {
  const files: Record<string, string> = {
    '/a': 'hunter2\n',
    '/crlf': 'hunter2\r\n',
    '/space': ' hunter2 ',
    '/url': 'redis://:hunter2@h\n',
  };
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(`ENOENT: no such file, open '${path}'`), { code: 'ENOENT' });
    return text;
  };

  test('come from files, without the line end', () => {
    expect(load({ ...SENTINELS, REDIS_PASSWORD_FILE: '/a', SENTINEL_PASSWORD_FILE: '/crlf' }, readFile)).toMatchObject({
      REDIS_PASSWORD: 'hunter2',
      SENTINEL_PASSWORD: 'hunter2',
    });
    expect(load({ ...SENTINELS, REDIS_PASSWORD_FILE: '/space' }, readFile).REDIS_PASSWORD).toBe(' hunter2 ');
    expect(load({ REDIS_URL_FILE: '/url' }, readFile).REDIS_URL).toBe('redis://:hunter2@h');
  });

  test.each(SECRET_SETTINGS)('%s and its file are refused together', (name) => {
    const message = refusal({ ...SENTINELS, [name]: 'hunter2', [`${name}_FILE`]: '/a' }, readFile);
    expect(message).toContain(`${name} and ${name}_FILE`);
  });

  test('a file that cannot be read is named by its setting', () => {
    expect(refusal({ ...SENTINELS, REDIS_PASSWORD_FILE: '/none' }, readFile)).toBe(
      'REDIS_PASSWORD_FILE cannot be read: ENOENT',
    );
  });

  test('what is no secret has no file', () => {
    expect(load({ ...SENTINELS, HOST_FILE: '/none' }, readFile)).toEqual(load(SENTINELS));
  });

  test('are in no message about anything else', () => {
    const secrets = { REDIS_PASSWORD: 'hunter2', SENTINEL_PASSWORD: 'hunter2' };
    expect(refusal({ ...SENTINELS, REDIS_TLS_CA: 'hunter2' })).toContain('REDIS_TLS_CA');
    expect(refusal({ ...secrets, REDIS_URL: 'http://:hunter2@h', PORT: 'x' })).toContain('PORT');
    expect(refusal({ ...secrets, ...SENTINELS, REDIS_URL: 'redis://:hunter2@h' })).toContain('REDIS_URL');
  });
});

describe('a misspelled name is refused with the one that was meant', () => {
  test.each([
    ['REDIS_SENTINEL', 'REDIS_SENTINELS'],
    ['REDIS_PASWORD', 'REDIS_PASSWORD'],
    ['REDIS_PASSWORD_FLIE', 'REDIS_PASSWORD_FILE'],
    ['LOCK_TTL', 'LOCK_TTL_MS'],
    ['PARTITION', 'PARTITIONS'],
    ['ACK_TIMEOUT', 'ACK_TIMEOUT_MS'],
    ['redis_password', 'REDIS_PASSWORD'],
    ['SHUTDOWN_GRACE', 'SHUTDOWN_GRACE_MS'],
  ])('%s', (name, meant) => {
    expect(refusal({ ...SENTINELS, [name]: 'hunter2' })).toBe(`${name} is not a setting; did you mean ${meant}?`);
  });
});

describe('without API keys', () => {
  test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('%s is taken', (HOST) => {
    expect(load({ ...SENTINELS, HOST }).HOST).toBe(HOST);
  });

  test.each(['0.0.0.0', '::', '10.0.0.1', '::ffff:10.0.0.1', 'api.internal', '127.0.0.1.example'])(
    '%s is refused, unless told that this is meant',
    (HOST) => {
      expect(refusal({ ...SENTINELS, HOST })).toMatch(/set API_KEYS_FILE, or AUTH=off/);
      expect(load({ ...SENTINELS, HOST, AUTH: 'off' }).HOST).toBe(HOST);
      expect(load({ ...SENTINELS, HOST, API_KEYS_FILE: '/keys.json' }).HOST).toBe(HOST);
    },
  );

  test('is not said together with a file of them', () => {
    expect(refusal({ ...SENTINELS, AUTH: 'off', API_KEYS_FILE: '/keys.json' })).toMatch(/set one of them/);
    expect(refusal({ ...SENTINELS, AUTH: 'on' })).toContain('AUTH');
  });
});

test.each(['DURABILITY', 'REDIS_CLUSTER'])('%s is refused as long as it would have no effect', (name) => {
  expect(refusal({ ...SENTINELS, [name]: 'x' })).toBe(`${name} is not supported by this version`);
});

describe('REDIS_TLS_CA', () => {
  // An authority of nobody's, until 2126.
  const CA = `-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUSZOaag4nGwfAH1axc2I2o0QmTK0wCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMTIxMjYwMFoYDzIxMjYxMDI4MjEy
NjAwWjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AASR8guN8YbHv/ZQ5JCL+3rv+rRFX5PFrpNvExBrBpCQ7h6xhHYGhPzWiVcBAmDP
iZ/b34q0v+MPMhUZdK7Nzdt9o1MwUTAdBgNVHQ4EFgQUWiDjPtPtxOF5Gzdkyy3T
CyIISXswHwYDVR0jBBgwFoAUWiDjPtPtxOF5Gzdkyy3TCyIISXswDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiANOWzjfiMvutbRpJf6YUqWn+TyZK2I
KYZpX9f5YShdhAIgZh3RK1nIIF1MZ3cw5u8W6fIq6+svHMuxgyK/JeBBdG0=
-----END CERTIFICATE-----`;

  test('takes one certificate and several', () => {
    expect(load({ ...SENTINELS, REDIS_TLS_CA: CA }).REDIS_TLS_CA).toBe(CA);
    expect(load({ ...SENTINELS, REDIS_TLS_CA: `the old one\n${CA}\nthe new one\n${CA}` }).REDIS_TLS_CA).toContain(
      'new',
    );
  });

  test.each([
    ['garbage', 'hunter2'],
    ['the path of a file', '/run/tls/ca.crt'],
    ['a key', CA.replaceAll('CERTIFICATE', 'PRIVATE KEY')],
    ['a certificate that is cut off', CA.slice(0, -60)],
    ['a certificate that is broken', CA.replace(/[A-Za-z]{6}\n/, 'AAAAAA\n')],
    ['one good and one broken', `${CA}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----`],
    ['one good and one cut off', `${CA}\n-----BEGIN CERTIFICATE-----\nAAAA`],
  ])('does not take %s', (_, text) => {
    expect(refusal({ ...SENTINELS, REDIS_TLS_CA: text })).toBe(
      'REDIS_TLS_CA must be one or more certificates in PEM, and nothing that is broken',
    );
  });
});
