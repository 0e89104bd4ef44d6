// Opens the real store against the shared Redis set, under a key prefix that no other test has.
import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { type Content, contentKey } from '../../src/items/content.ts';
import type { Claim, SaveCommand, Verdict } from '../../src/items/ports.ts';
import type { StoreAccess } from '../../src/redis/connection-options.ts';
import type { Keyspace } from '../../src/redis/keys.ts';
import { type OpenStore, openStore, type StoreObservers, type StoreSettings } from '../../src/redis/store.ts';
import { loginAs, type Role } from '../../stack/secrets.ts';
import { Hopeless, waitFor } from '../../stack/wait.ts';

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

/**
 * Opens the store and waits until it confirms; `seen` collects what it tells its observers. Its times are longer than a busy
 * machine holds anybody up; who tests how long it waits gives shorter ones.
 */
export async function openTestStore(settings: Partial<StoreSettings> = {}): Promise<TestStore> {
  const seen: string[] = [];
  const space = settings.space ?? { prefix: `test-${randomUUID()}:`, partitions: 4, buckets: 8 };
  const store = openStore(
    {
      access: accessTo(inject('sentinels')),
      acks: 'all',
      ackTimeoutMs: 10_000,
      lockTtlMs: 10_000,
      deadlineMs: 20_000,
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

/**
 * Sends the commands again and again, as the queue does, until they are confirmed: an attempt that a busy machine holds up
 * for a second has no view of the set any more. What such an attempt has saved is `known` then, with its own token.
 */
export async function confirmed(
  { items }: Pick<OpenStore, 'items'>,
  commands: readonly SaveCommand[],
): Promise<readonly Verdict[]> {
  return waitFor(
    async () => {
      const result = await items.commit(commands);
      return result.kind === 'confirmed' && result.verdicts;
    },
    { timeoutMs: 40_000, what: 'the commit was not confirmed' },
  );
}

/** Sends the commands until it is for this reason that they are not confirmed; throws when they are. */
export async function unconfirmed(
  { items }: Pick<OpenStore, 'items'>,
  commands: readonly SaveCommand[],
  failure: string,
): Promise<void> {
  const isSo = async (): Promise<boolean> => {
    const result = await items.commit(commands);
    if (result.kind === 'confirmed') throw new Hopeless('the commit was confirmed');
    return result.failure === failure;
  };
  await waitFor(isSo, { timeoutMs: 20_000, what: `the commit was not ${failure}` });
}

/** Sends the commands once, as soon as the set is in view: for tests of what one commit does. Throws unless it is confirmed. */
export async function decided(
  { items, setReport }: Pick<OpenStore, 'items' | 'setReport'>,
  commands: readonly SaveCommand[],
): Promise<readonly Verdict[]> {
  await waitFor(() => setReport()?.master, { timeoutMs: 20_000, everyMs: 5, what: 'nobody was seen to be master' });
  const result = await items.commit(commands);
  if (result.kind !== 'confirmed') throw new Error(result.detail);
  return result.verdicts;
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
