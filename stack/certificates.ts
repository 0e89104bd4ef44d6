// Certificates for a stack with TLS, made by the script that developers use.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../ops/tls/make-certificates.sh', import.meta.url));

/** Makes what is missing in `dir`: an authority, and certificates for localhost and these names. */
export function makeCertificates(dir: string, ...names: readonly string[]): void {
  execFileSync('sh', [SCRIPT, dir, ...names], { stdio: ['ignore', 'ignore', 'pipe'] });
}

export const caFileOf = (dir: string): string => join(dir, 'ca.crt');
export const caOf = (dir: string): string => readFileSync(caFileOf(dir), 'utf8');
