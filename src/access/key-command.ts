// `npm run key`: creates, lists and revokes API keys in the file that the instances read.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Scope, SCOPES } from './api-key.ts';
import { editKeyFile } from './edit-key-file.ts';
import { createKey, revokeKey } from './key-edits.ts';
import { EMPTY_KEY_FILE, isLiveAt, type KeyFile, KeyFileError } from './key-file.ts';
import { readKeyFile } from './key-source.ts';

export const KEY_HELP = `npm run key -- create --client NAME [--scopes items:write,items:read] [--expires-days 365] [--file PATH]
npm run key -- list [--file PATH]
npm run key -- revoke ID [--file PATH]

The file is api-keys.json unless told otherwise; API_KEYS_FILE names it to the service, which notices a change
within seconds. A key is shown once, when it is created: only its hash is stored.
Scopes: ${SCOPES.join(', ')}. Without --expires-days a key does not expire.`;

const MAX_DAYS = 36_500;
const MS_PER_DAY = 86_400_000;

/** What is said when a command line cannot be understood. */
export class KeyUsageError extends Error {
  override readonly name = 'KeyUsageError';
}

/** Runs one command and returns what to say. Throws `KeyUsageError` and `KeyFileError`. */
export function runKeyCommand(args: readonly string[], now: Date): string {
  const { values, positionals } = read(args);
  const [command, ...rest] = positionals;
  const path = values.file;
  switch (command) {
    case 'create': {
      if (rest.length > 0 || values.client === undefined) throw new KeyUsageError('create needs --client NAME');
      const wanted = {
        client: values.client,
        scopes: scopesIn(values.scopes),
        expiresAt: expiryIn(values['expires-days'], now),
      };
      let created: ReturnType<typeof createKey> | undefined;
      editKeyFile(path, (file) => (created = createKey(file, wanted, now)).file);
      if (created === undefined) throw new Error('no key was created');
      const { record, key } = created;
      const until = record.expiresAt === null ? 'does not expire' : `expires at ${record.expiresAt}`;
      return `${key}\n\nThis is the only time that it is shown. Id ${record.id}, client ${record.client}, ${record.scopes.join(' ')}, ${until}.`;
    }
    case 'list':
      if (rest.length > 0) throw new KeyUsageError('list takes no arguments');
      return listing(existsSync(path) ? readKeyFile(path) : EMPTY_KEY_FILE, now);
    case 'revoke': {
      const [id, ...more] = rest;
      if (id === undefined || more.length > 0) throw new KeyUsageError('revoke needs the id of one key');
      if (!existsSync(path)) throw new KeyFileError('there is no such file');
      editKeyFile(path, (file) => revokeKey(file, id));
      return `${id} is revoked; the instances refuse it within seconds.`;
    }
    default:
      throw new KeyUsageError('expected create, list or revoke');
  }
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        file: { type: 'string', default: 'api-keys.json' },
        client: { type: 'string' },
        scopes: { type: 'string', default: 'items:write,items:read' },
        'expires-days': { type: 'string' },
      },
    });
  } catch (error) {
    throw new KeyUsageError((error as Error).message);
  }
}

function scopesIn(text: string): Scope[] {
  return text.split(',').map((part) => {
    const scope = SCOPES.find((known) => known === part.trim());
    if (scope === undefined) throw new KeyUsageError(`--scopes takes ${SCOPES.join(', ')}`);
    return scope;
  });
}

function expiryIn(days: string | undefined, now: Date): Date | null {
  if (days === undefined) return null;
  const count = Number(days);
  if (!Number.isInteger(count) || count < 1 || count > MAX_DAYS) {
    throw new KeyUsageError(`--expires-days takes a whole number from 1 to ${MAX_DAYS}`);
  }
  return new Date(now.getTime() + count * MS_PER_DAY);
}

function listing({ keys }: KeyFile, now: Date): string {
  if (keys.length === 0) return 'There are no keys.';
  const isLive = isLiveAt(now.getTime());
  return keys
    .map((key) => {
      const until =
        key.expiresAt === null ? 'never expires' : `${isLive(key) ? 'expires' : 'expired'} ${key.expiresAt}`;
      return `${key.id}  ${key.client}  ${key.scopes.join(' ')}  created ${key.createdAt}  ${until}`;
    })
    .join('\n');
}
