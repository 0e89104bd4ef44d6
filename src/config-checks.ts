// What the schema of the settings cannot see: values that contradict each other, and names that look misspelled.
import { X509Certificate } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import type { Config } from './config.ts';

/** Time beyond the WAIT that one attempt to commit may take: the script itself and two round trips. */
export const COMMIT_MARGIN_MS = 1_000;

/** Says in one line which settings contradict each other, or null. */
export function findContradiction(config: Config): string | null {
  if (config.REDIS_URL !== undefined && config.REDIS_SENTINELS !== undefined) {
    return 'REDIS_URL and REDIS_SENTINELS are both set: set one of them';
  }
  if (config.REDIS_URL === undefined && config.REDIS_SENTINELS === undefined) {
    return 'neither REDIS_URL nor REDIS_SENTINELS is set: set one of them';
  }
  const url = config.REDIS_URL === undefined ? null : new URL(config.REDIS_URL);
  if ((url?.password && config.REDIS_PASSWORD) || (url?.username && config.REDIS_USERNAME)) {
    return 'REDIS_URL has a user or password and REDIS_USERNAME or REDIS_PASSWORD is set too: set one of them';
  }
  if (config.REDIS_URL !== undefined && config.ACKS === 'all') {
    return 'ACKS=all needs REDIS_SENTINELS: without Sentinels nobody knows which replicas there are';
  }
  if (config.REDIS_SENTINELS !== undefined && config.ACKS === 0) {
    return 'ACKS=0 needs REDIS_URL: with Sentinels an unreplicated save is lost in the next failover';
  }
  const attemptMs = config.ACK_TIMEOUT_MS + COMMIT_MARGIN_MS;
  if (config.LOCK_TTL_MS <= attemptMs) {
    return `LOCK_TTL_MS (${config.LOCK_TTL_MS}) must be longer than ACK_TIMEOUT_MS plus ${COMMIT_MARGIN_MS} ms (${attemptMs})`;
  }
  if (config.SAVE_DEADLINE_MS <= config.LOCK_WAIT_MS + attemptMs) {
    return `SAVE_DEADLINE_MS (${config.SAVE_DEADLINE_MS}) must be longer than LOCK_WAIT_MS plus one attempt (${config.LOCK_WAIT_MS + attemptMs})`;
  }
  const ports = [config.PORT, config.METRICS_PORT, config.STREAM_PORT];
  if (config.STREAM_PORT !== undefined && config.STREAM_PORT !== 0 && ports.indexOf(config.STREAM_PORT) < 2) {
    return 'STREAM_PORT is the same as PORT or METRICS_PORT: leave it unset or give it a port of its own';
  }
  if (config.METRICS_PORT !== undefined && config.METRICS_PORT !== 0 && config.METRICS_PORT === config.PORT) {
    return 'METRICS_PORT and PORT are the same: leave METRICS_PORT unset or give it a port of its own';
  }
  if (config.RATE_LIMIT_BURST !== undefined && config.RATE_LIMIT_PER_SECOND === undefined) {
    return 'RATE_LIMIT_BURST is set and RATE_LIMIT_PER_SECOND is not: set both or neither';
  }
  if (config.OTEL_TRACES_SAMPLER_ARG !== 1 && !config.OTEL_TRACES_SAMPLER.endsWith('traceidratio')) {
    return `OTEL_TRACES_SAMPLER_ARG is set and OTEL_TRACES_SAMPLER (${config.OTEL_TRACES_SAMPLER}) takes none: choose a sampler with traceidratio`;
  }
  if (config.API_KEYS_FILE !== undefined && config.AUTH === 'off') {
    return 'API_KEYS_FILE and AUTH=off are both set: set one of them';
  }
  if (config.API_KEYS_FILE === undefined && config.AUTH !== 'off' && !isLoopback(config.HOST)) {
    return `HOST (${config.HOST}) can be reached by others and nobody would be asked for a key: set API_KEYS_FILE, or AUTH=off if that is meant`;
  }
  return null;
}

/** Whether only this machine can reach it. A name other than localhost could stand for anything. */
function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const version = isIP(host);
  return version !== 0 && LOOPBACK.check(host, version === 6 ? 'ipv6' : 'ipv4');
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether a text is what TLS needs. Node ignores what it cannot read, and then trusts nobody, or the wrong ones. */
export function isCertificates(text: string): boolean {
  const blocks = text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
  const begun = text.match(/-----BEGIN/g) ?? [];
  return blocks.length > 0 && blocks.length === begun.length && blocks.every(isCertificate);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

/** Settings of the design that this version does not have: ignoring one would leave its user unprotected without a word. */
const NOT_YET = ['DURABILITY', 'REDIS_CLUSTER'];

/** Says which setting is asked for and not there yet, or null. */
export function findUnsupported(env: Readonly<Record<string, string | undefined>>): string | null {
  const name = NOT_YET.find((setting) => env[setting]);
  return name === undefined ? null : `${name} is not supported by this version`;
}

/**
 * Says which name was probably meant as a setting, or null. A setting that is one or two letters off, in lower case or
 * without its unit would silently have no effect; names under eight letters are too close to other programs' variables to tell.
 */
export function findMisspelled(names: readonly string[], known: readonly string[]): string | null {
  for (const name of names) {
    if (name.length < 8 || known.includes(name)) continue;
    const upper = name.toUpperCase();
    const meant = known.find(
      (setting) => setting === `${upper}_MS` || (setting.length >= 8 && editDistance(upper, setting) <= 2),
    );
    if (meant !== undefined) return `${name} is not a setting; did you mean ${meant}?`;
  }
  return null;
}

function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 3;
}
