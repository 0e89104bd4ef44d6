// Opens the store of the service without the service.
import { settingsSchema } from '../src/config.ts';
import type { Keyspace } from '../src/redis/keys.ts';
import { openStore, type OpenStore, type StoreSettings } from '../src/redis/store.ts';
import { MASTER_NAME } from '../stack/redis-node.ts';
import { loginAs } from '../stack/secrets.ts';
import { waitFor } from '../stack/wait.ts';

const { PARTITIONS, INDEX_BUCKETS } = settingsSchema.shape;

/** What an instance without settings uses. */
export const DEFAULT_SPACE: Keyspace = {
  prefix: '',
  partitions: PARTITIONS.parse(undefined),
  buckets: INDEX_BUCKETS.parse(undefined),
};

const nothing = (): void => {};

/** `sentinels` as in REDIS_SENTINELS; `secrets` is the directory of the set's passwords. */
export type BenchSet = { readonly sentinels: string; readonly secrets: string };

/** Waits until it confirms. */
export async function openBenchStore(set: BenchSet, settings: Partial<StoreSettings> = {}): Promise<OpenStore> {
  const addresses = set.sentinels.split(',').map((text) => {
    const [host = '', port = ''] = text.split(':');
    return { host, port: Number(port) };
  });
  const { username, password } = loginAs(set.secrets, 'service');
  const store = openStore(
    {
      access: {
        target: { kind: 'sentinel', sentinels: addresses, masterName: MASTER_NAME },
        username,
        password,
        sentinelUsername: username,
        sentinelPassword: password,
      },
      space: DEFAULT_SPACE,
      acks: 'all',
      ackTimeoutMs: 5_000,
      lockTtlMs: 10_000,
      deadlineMs: 10_000,
      ...settings,
    },
    {
      up: nothing,
      down: nothing,
      reconnecting: nothing,
      failed: nothing,
      masterChanged: nothing,
      acknowledged: nothing,
      unconfirmed: nothing,
      acquired: nothing,
      releaseFailed: nothing,
    },
  );
  await waitFor(async () => (await store.items.commit([])).kind === 'confirmed', {
    timeoutMs: 60_000,
    what: 'the store did not confirm',
  });
  return store;
}
