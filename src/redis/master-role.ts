// What a master says of itself and of its replicas. No I/O.

/** ROLE of a master: its offset, and how far each replica acknowledged. Nodes are `host:port`. */
export type MasterRole = { readonly offset: number; readonly replicas: ReadonlyMap<string, number> };

/** Reads the reply of ROLE (redis.io/commands/role): `['master', offset, [[host, port, offset], …]]`; null for others. */
export function parseRole(reply: unknown): MasterRole | null {
  if (!Array.isArray(reply) || reply[0] !== 'master') return null;
  const replicas = reply[2] as [string, string, string][];
  return {
    offset: Number(reply[1]),
    replicas: new Map(replicas.map(([host, port, offset]) => [`${host}:${port}`, Number(offset)])),
  };
}
