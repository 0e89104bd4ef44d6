// Opens the real store against the shared Redis set, under a key prefix that no other test has.
import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { type Content, contentKey } from '../../src/items/content.ts';
import type { Claim, SaveCommand } from '../../src/items/ports.ts';
import type { StoreAccess } from '../../src/redis/connection-options.ts';
import type { Keyspace } from '../../src/redis/keys.ts';
import { type OpenStore, openStore, type StoreObservers, type StoreSettings } from '../../src/redis/store.ts';
import { loginAs, type Role } from '../../stack/secrets.ts';
import { waitFor } from '../../stack/wait.ts';

export const MASTER_NAME = 'items';
/** What the keys of every test begin with: the user of the service may touch no others. */
export const TEST_PREFIXES = 'test-*';

/** Access as the service, or in another role, through the Sentinels, as `host:port,…`. */
export function accessTo(sentinels: string, role: Role = 'service'): StoreAccess {
  const { username, password } = loginAs(inject('secrets'), role);
  const addresses = sentinels.split(',').map((text) => {
    const [host = '', port = ''] = text.split(':');
    return { host, port: Number(port) };
  });
  return {
    target: { kind: 'sentinel', sentinels: addresses, masterName: MASTER_NAME },
    username,
    password,
    sentinelUsername: username,
    sentinelPassword: password,
  };
}

export type TestStore = OpenStore & { readonly seen: string[]; readonly space: Keyspace } & AsyncDisposable;

/** Opens the store and waits until it confirms; `seen` collects what it tells its observers. */
export async function openTestStore(settings: Partial<StoreSettings> = {}): Promise<TestStore> {
  const seen: string[] = [];
  const space = settings.space ?? { prefix: `test-${randomUUID()}:`, partitions: 4, buckets: 8 };
  const store = openStore(
    {
      access: accessTo(inject('sentinels')),
      acks: 'all',
      ackTimeoutMs: 1_000,
      lockTtlMs: 10_000,
      deadlineMs: 1_000,
      ...settings,
      space,
    },
    recordingObservers(seen),
  );
  const probe = await waitFor(
    async () => {
      const result = await store.items.commit([]);
      return result.kind === 'confirmed' && result;
    },
    { timeoutMs: 30_000, what: 'the store did not confirm' },
  );
  if (probe.verdicts.length > 0) throw new Error('an empty commit decided something');
  seen.length = 0;
  return { ...store, seen, space, [Symbol.asyncDispose]: () => store.close(1_000) };
}

type CommandOptions = Partial<Claim & Pick<SaveCommand, 'lockToken' | 'claims' | 'others'>>;

/** A command to save a content, or a text, with one claim, unless others are given, and without a lock of its own, unless one is named. */
export function command(
  what: string | Content,
  options: CommandOptions = {},
): SaveCommand & { readonly token: string } {
  const { token = randomUUID(), isIdempotencyKey = false, source = 'anonymous', requests = 1 } = options;
  const { lockToken = 'no lock', others = 0 } = options;
  const content: Content = typeof what === 'string' ? { kind: 'string', text: what } : what;
  const claims = options.claims ?? [{ token, isIdempotencyKey, source, requests }];
  return { key: contentKey(content), content, claims, others, lockToken, token };
}

/** Collects what the store tells its observers. */
export function recordingObservers(seen: string[]): StoreObservers {
  return {
    up: (connection) => seen.push(`up ${connection}`),
    down: (connection) => seen.push(`down ${connection}`),
    reconnecting: () => {},
    failed: (connection, error) => seen.push(`failed ${connection}: ${error.message}`),
    masterChanged: (master) => seen.push(`master ${master}`),
    acknowledged: () => seen.push('acknowledged'),
    unconfirmed: (reason) => seen.push(`unconfirmed ${reason}`),
    acquired: (outcome) => seen.push(`lock ${outcome}`),
    releaseFailed: () => seen.push('release failed'),
  };
}
