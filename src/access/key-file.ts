// The file of API keys: what it holds, and which files are refused.
import { z } from 'zod';
import { KEY_ID, SCOPES } from './api-key.ts';

/** Two, so that a client can be moved to a new key while the old one still works. */
export const MAX_LIVE_KEYS = 2;
const MAX_KEYS = 10_000;
/** What clients without a key are called where none is asked for. */
export const ANONYMOUS = 'anonymous';

export const clientName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be 1 to 64 of a-z, 0-9, . _ -, and begin with a letter or digit')
  .refine((name) => name !== ANONYMOUS, `must not be ${ANONYMOUS}`);

const time = z.iso.datetime({ error: 'must be a time in UTC, like 2027-01-31T00:00:00Z' });

const keyRecord = z.strictObject({
  id: z.string().regex(KEY_ID, 'must be 12 of a-z, 0-9'),
  client: clientName,
  /** SHA-256 of the whole key, in hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
  createdAt: time,
  /** From then on the key is refused; null for never. */
  expiresAt: time.nullable(),
});

export type KeyRecord = z.output<typeof keyRecord>;

const keyFile = z.strictObject({ version: z.literal(1), keys: z.array(keyRecord).max(MAX_KEYS) });

export type KeyFile = z.output<typeof keyFile>;

export const EMPTY_KEY_FILE: KeyFile = { version: 1, keys: [] };

/** A file of keys that cannot be used. The message says where and why, and quotes nothing of the file. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/** Reads the text of a file of keys. `nowMs` is the time of day. Throws `KeyFileError`. */
export function parseKeyFile(text: string, nowMs: number): KeyFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw new KeyFileError('it is not valid JSON');
  }
  const parsed = keyFile.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new KeyFileError(`${issue?.path.join('.') || 'it'}: ${issue?.message}`);
  }
  const { keys } = parsed.data;
  refuseRepeated(keys);
  for (const [client, live] of Map.groupBy(keys.filter(isLiveAt(nowMs)), (key) => key.client)) {
    if (live.length > MAX_LIVE_KEYS) {
      throw new KeyFileError(`${client} has ${live.length} keys that have not expired, and may have ${MAX_LIVE_KEYS}`);
    }
  }
  return parsed.data;
}

/** A test for keys that have not expired at a time of day. */
export const isLiveAt =
  (nowMs: number) =>
  ({ expiresAt }: Pick<KeyRecord, 'expiresAt'>): boolean =>
    expiresAt === null || Date.parse(expiresAt) > nowMs;

function refuseRepeated(keys: readonly KeyRecord[]): void {
  const ids = new Set<string>();
  for (const { id } of keys) {
    if (ids.has(id)) throw new KeyFileError(`the id ${id} is there twice`);
    ids.add(id);
  }
}
