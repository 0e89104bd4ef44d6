// The questions to Sentinels and master that a view of the set is made of.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Redis } from 'ioredis';
import { peerOf } from './connect.ts';
import { type MasterRole, parseRole } from './master-role.ts';
import type { SeenNode, SentinelAnswer } from './set-view.ts';

/** What the server at the other end of the connection says it is, or null when it says nothing. */
export async function askRole(
  connection: Redis,
): Promise<{ readonly peer: string; readonly role: MasterRole | null } | null> {
  try {
    const peer = peerOf(connection);
    return { peer, role: parseRole(await connection.call('ROLE')) };
  } catch {
    return null;
  }
}

/**
 * How a Sentinel sees the set, or null when it gives no answer. With `infoPeriodMs` it is also told how often to ask the
 * nodes for INFO; it forgets that when it restarts.
 */
export async function askSentinel(
  sentinel: Redis,
  masterName: string,
  infoPeriodMs?: number,
): Promise<SentinelAnswer | null> {
  if (infoPeriodMs !== undefined) {
    sentinel.call('SENTINEL', 'DEBUG', 'INFO-PERIOD', String(infoPeriodMs)).catch(() => {});
  }
  try {
    const [address, master, replicas, info] = await Promise.all([
      // During a failover the leading Sentinel names the new master here up to a second before it does in the others.
      sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName) as Promise<[string, string]>,
      sentinel.call('SENTINEL', 'MASTER', masterName) as Promise<string[]>,
      sentinel.call('SENTINEL', 'REPLICAS', masterName) as Promise<string[][]>,
      sentinel.call('INFO', 'sentinel') as Promise<string>,
    ]);
    return {
      master: address.join(':'),
      nodes: new Map(replicas.concat([master]).map((fields) => [addressIn(fields), seenIn(fields)])),
      isFailingOver: /\bfailover_in_progress\b/.test(valueIn(master, 'flags')),
      isInTilt: /^sentinel_tilt:1/m.test(info),
    };
  } catch {
    return null;
  }
}

const valueIn = (fields: readonly string[], name: string): string => {
  const at = fields.indexOf(name);
  return at === -1 ? '' : (fields[at + 1] ?? '');
};
const addressIn = (fields: readonly string[]): string => `${valueIn(fields, 'ip')}:${valueIn(fields, 'port')}`;

function seenIn(fields: readonly string[]): SeenNode {
  const priority = valueIn(fields, 'slave-priority');
  // 0 when Sentinel has not heard from the node since it began to list it, and in an answer of the same millisecond.
  const infoAgeMs = Number(valueIn(fields, 'info-refresh'));
  return {
    isDown: /\b[so]_down\b/.test(valueIn(fields, 'flags')),
    priority: priority === '' ? null : Number(priority),
    infoAgeMs: infoAgeMs === 0 ? null : infoAgeMs,
  };
}

/** Where connections to this node end, as `ip:port`. */
export async function peersOf(address: string): Promise<ReadonlySet<string>> {
  const colon = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, colon), address.slice(colon + 1)];
  if (isIP(host) !== 0) return new Set([address]);
  try {
    return new Set((await lookup(host, { all: true })).map((found) => `${found.address}:${port}`));
  } catch {
    return new Set();
  }
}
