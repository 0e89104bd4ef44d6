// The passwords of a set, made by the script of production and handed to each part as a file.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../ops/redis/make-secrets.sh', import.meta.url));

export type Role = 'service' | 'keeper' | 'replication' | 'sentinel' | 'exporter' | 'operator';
/** As whom somebody comes to a Redis node or a Sentinel; see ops/redis/users.acl. */
export type Login = { readonly username: Role; readonly password: string };

/** Makes what is not there yet; a directory that was used before keeps its passwords. */
export function makeSecrets(dir: string): void {
  execFileSync('sh', [SCRIPT, dir], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** The directory that holds what a program in this role may know. */
export const secretsOf = (dir: string, role: Role): string => join(dir, role);

export function loginAs(dir: string, role: Role): Login {
  return { username: role, password: readFileSync(join(dir, role, 'password'), 'utf8') };
}

/** The settings by which a program of ours comes in at nodes and Sentinels. */
export function loginSettings(dir: string, role: Role): Record<string, string> {
  const file = join(dir, role, 'password');
  return {
    REDIS_USERNAME: role,
    REDIS_PASSWORD_FILE: file,
    SENTINEL_USERNAME: role,
    SENTINEL_PASSWORD_FILE: file,
  };
}
