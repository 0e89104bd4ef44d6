// What an operator does to the keys: create one, revoke one. Values in, values out.
import { hashOfKey, newApiKey, type Scope } from './api-key.ts';
import { clientName, isLiveAt, type KeyFile, KeyFileError, type KeyRecord, MAX_LIVE_KEYS } from './key-file.ts';

export type NewKey = {
  readonly client: string;
  readonly scopes: readonly Scope[];
  /** Null for never. */
  readonly expiresAt: Date | null;
};

/** Adds a key for a client. The key itself is in the result only: no file ever has it. Throws `KeyFileError`. */
export function createKey(
  { keys }: KeyFile,
  { client, scopes, expiresAt }: NewKey,
  now: Date,
): { readonly file: KeyFile; readonly key: string; readonly record: KeyRecord } {
  const name = clientName.safeParse(client);
  if (!name.success) throw new KeyFileError(`the name of a client ${name.error.issues[0]?.message}`);
  if (expiresAt !== null && expiresAt <= now) throw new KeyFileError('the key would have expired already');
  const live = keys.filter(isLiveAt(now.getTime())).filter((key) => key.client === client);
  if (live.length >= MAX_LIVE_KEYS) {
    throw new KeyFileError(
      `${client} has ${live.length} keys already (${live.map(({ id }) => id).join(', ')}): revoke one of them first`,
    );
  }
  const { id, key } = newApiKey();
  const record: KeyRecord = {
    id,
    client,
    sha256: hashOfKey(key).toString('hex'),
    scopes: [...new Set(scopes)],
    createdAt: now.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
  };
  return { file: { version: 1, keys: [...keys, record] }, key, record };
}

/** Takes a key away, from the next look of the instances on. Throws `KeyFileError` when there is none with this id. */
export function revokeKey({ keys }: KeyFile, id: string): KeyFile {
  const left = keys.filter((key) => key.id !== id);
  if (left.length === keys.length) throw new KeyFileError(`there is no key with the id ${id}`);
  return { version: 1, keys: left };
}
