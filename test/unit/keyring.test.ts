// API keys: who is let in, by which key, until when, and what a file of them may hold.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SCOPES } from '../../src/access/api-key.ts';
import { createKey, revokeKey } from '../../src/access/key-edits.ts';
import { EMPTY_KEY_FILE, type KeyFile, KeyFileError, parseKeyFile } from '../../src/access/key-file.ts';
import { Keyring } from '../../src/access/keyring.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const nowMs = NOW.getTime();

function create(file: KeyFile = EMPTY_KEY_FILE, client = 'acme', expiresAt: Date | null = null) {
  return createKey(file, { client, scopes: ['items:write', 'items:read'], expiresAt }, NOW);
}

describe('a key', () => {
  test('lets its client in, with its scopes, and nothing of it but its hash is in the file', () => {
    const { file, key, record } = create();
    expect(key).toMatch(/^items_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$/);
    const caller = new Keyring(file).callerOf(`Bearer ${key}`, nowMs);
    expect(caller).toEqual({ client: 'acme', keyId: record.id, scopes: new Set(['items:write', 'items:read']) });
    expect(JSON.stringify(file)).not.toContain(key.slice(19));
  });

  test.each(['bearer', 'BEARER', 'Bearer  '])('is taken behind "%s"', (scheme) => {
    const { file, key } = create();
    expect(new Keyring(file).callerOf(`${scheme} ${key}`, nowMs)?.client).toBe('acme');
  });

  test('lets nobody in once it has expired, and not in the very millisecond', () => {
    const expiresAt = new Date(nowMs + 1_000);
    const { file, key } = create(EMPTY_KEY_FILE, 'acme', expiresAt);
    const keyring = new Keyring(file);
    expect(keyring.callerOf(`Bearer ${key}`, expiresAt.getTime() - 1)?.client).toBe('acme');
    expect(keyring.callerOf(`Bearer ${key}`, expiresAt.getTime())).toBeNull();
  });

  test('lets nobody in once it is revoked, and its other one goes on', () => {
    const first = create();
    const second = create(first.file);
    const keyring = new Keyring(second.file);
    const caller = keyring.callerOf(`Bearer ${first.key}`, nowMs);
    expect(caller).not.toBeNull();
    keyring.replace(revokeKey(second.file, first.record.id));
    expect(keyring.callerOf(`Bearer ${first.key}`, nowMs)).toBeNull();
    expect(keyring.isStillValid(caller!, nowMs)).toBe(false);
    const other = keyring.callerOf(`Bearer ${second.key}`, nowMs);
    expect(other?.client).toBe('acme');
    expect(keyring.isStillValid(other!, nowMs)).toBe(true);
  });

  test.each([
    ['a scope less', { scopes: ['items:write' as const] }, false],
    ['another client', { client: 'other' }, false],
    ['a scope more', { scopes: [...SCOPES] }, true],
    ['a new expiry', { expiresAt: '2027-01-31T00:00:00.000Z' }, true],
  ])('that has %s by now goes on with what it began: %o %s', (_, change, isValid) => {
    const { file, key, record } = create();
    const keyring = new Keyring(file);
    const caller = keyring.callerOf(`Bearer ${key}`, nowMs);
    keyring.replace({ ...file, keys: [{ ...record, ...change }] });
    expect(keyring.isStillValid(caller!, nowMs)).toBe(isValid);
  });

  test('lets nobody in when a single character of it is another', () => {
    const { file, key } = create();
    const keyring = new Keyring(file);
    fc.assert(
      fc.property(fc.nat(key.length - 1), fc.stringMatching(/^[A-Za-z0-9_-]$/), (at, other) => {
        fc.pre(key[at] !== other);
        expect(keyring.callerOf(`Bearer ${key.slice(0, at)}${other}${key.slice(at + 1)}`, nowMs)).toBeNull();
      }),
    );
  });

  test.each([undefined, '', 'Bearer', 'Bearer ', 'Basic YTpi', 'Bearer items__', 'Bearer undefined'])(
    'is not %j',
    (authorization) => {
      expect(new Keyring(create().file).callerOf(authorization, nowMs)).toBeNull();
    },
  );

  test('is not what anybody makes up', () => {
    const keyring = new Keyring(create().file);
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(keyring.callerOf(`Bearer ${text}`, nowMs)).toBeNull();
      }),
    );
  });
});

describe('creating', () => {
  test('gives a client two keys and refuses a third until one is revoked or has expired', () => {
    const soon = new Date(nowMs + 1_000);
    const first = create(EMPTY_KEY_FILE, 'acme', soon);
    const second = create(first.file);
    expect(() => create(second.file)).toThrow(/acme has 2 keys already/);
    expect(() => create(second.file, 'other')).not.toThrow();
    const wanted = { client: 'acme', scopes: ['items:read'] as const, expiresAt: null };
    expect(() => createKey(second.file, wanted, soon)).not.toThrow();
    expect(() => create(revokeKey(second.file, first.record.id))).not.toThrow();
  });

  test.each(['', 'anonymous', 'Acme', '-acme', 'a'.repeat(65), 'a b', 'ä'])('refuses a client called %j', (client) => {
    expect(() => create(EMPTY_KEY_FILE, client)).toThrow(KeyFileError);
  });

  test('refuses a time that has passed', () => {
    expect(() => create(EMPTY_KEY_FILE, 'acme', NOW)).toThrow(/expired already/);
  });

  test('makes files that can be read again', () => {
    const scopes = fc.uniqueArray(fc.constantFrom(...SCOPES), { minLength: 1 });
    const wanted = fc.array(fc.record({ client: fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/), scopes }), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(wanted, (list) => {
        let file = EMPTY_KEY_FILE;
        for (const [i, { client, scopes: some }] of list.entries()) {
          file = createKey(file, { client: `${client}${i}`, scopes: some, expiresAt: null }, NOW).file;
        }
        expect(parseKeyFile(JSON.stringify(file), nowMs)).toEqual(file);
      }),
    );
  });
});

describe('a file is refused', () => {
  const { file, record } = create();
  const withRecord = (change: object): string => JSON.stringify({ ...file, keys: [{ ...record, ...change }] });

  test.each([
    ['that is no JSON', '{"keys": secret-text', 'it is not valid JSON'],
    ['of another version', '{"version":2,"keys":[]}', 'version'],
    ['with an unknown scope', withRecord({ scopes: ['items:all'] }), 'keys.0.scopes.0'],
    ['with no scope', withRecord({ scopes: [] }), 'keys.0.scopes'],
    ['with a short hash', withRecord({ sha256: 'ab' }), 'keys.0.sha256'],
    ['with a key in place of a hash', withRecord({ key: 'items_x' }), 'keys.0'],
    ['with a time without zone', withRecord({ expiresAt: '2027-01-31' }), 'keys.0.expiresAt'],
    ['with a client that is called anonymous', withRecord({ client: 'anonymous' }), 'keys.0.client'],
    ['with an id twice', JSON.stringify({ ...file, keys: [record, record] }), `the id ${record.id} is there twice`],
  ])('%s', (_, text, message) => {
    expect(() => parseKeyFile(text, nowMs)).toThrow(KeyFileError);
    expect(() => parseKeyFile(text, nowMs)).toThrow(message);
    expect(() => parseKeyFile(text, nowMs)).not.toThrow('secret-text');
  });

  test('with three live keys of one client', () => {
    const two = create(file).file;
    const third = { ...record, id: 'a'.repeat(12) };
    expect(() => parseKeyFile(JSON.stringify({ ...two, keys: [...two.keys, third] }), nowMs)).toThrow(
      /acme has 3 keys/,
    );
  });
});
