// When a commit counts. The rule and the experiments behind it: docs/decisions.md, "Acknowledgement".
import type { Redis } from 'ioredis';
import { peerOf } from './connect.ts';
import type { UnconfirmedReason } from './faults.ts';
import { type MasterRole, parseRole } from './master-role.ts';
import type { FreshView } from './sentinel-watch.ts';

/** The commands that go behind the script in the same unit, and what their replies prove. */
export type AckAttempt = {
  readonly commands: readonly (readonly [string, ...string[]])[];
  /** Null when the script's writes are where they must be, else why that is not known. */
  judge(replies: readonly unknown[]): UnconfirmedReason | null;
};

/** Begins an attempt on a connection, or says why none can be confirmed at the moment. */
export type AckRule = (connection: Redis) => AckAttempt | UnconfirmedReason;

/** `replicas` of them have it, whichever they are; 0 asks nobody. Redis WAIT counts replicas without naming them. */
export function countRule(replicas: number, timeoutMs: number): AckRule {
  if (replicas === 0) return () => ({ commands: [], judge: () => null });
  return () => ({
    commands: [['WAIT', String(replicas), String(timeoutMs)]],
    judge: ([count]) => (Number(count) >= replicas ? null : 'short_wait'),
  });
}

/**
 * Every replica that Sentinel could promote has it, by name: WAIT only gives them time, and the two ROLE around it tell
 * who has what. The offsets are compared with the first ROLE, behind the script and before anybody else's next write.
 */
export function everyReplicaRule(view: () => FreshView | null, timeoutMs: number): AckRule {
  return (connection) => {
    const sent = view();
    if (sent === null) return 'no_view';
    const peer = peerOf(connection);
    return {
      commands: [['ROLE'], ['WAIT', String(Math.max(1, sent.required.size)), String(timeoutMs)], ['ROLE']],
      judge([before, , after]) {
        const now = view();
        if (now === null) return 'no_view';
        return judge({ before: parseRole(before), after: parseRole(after), sent, now, peer });
      },
    };
  };
}

export type Evidence = {
  /** Null when the node did not say that it is a master. */
  readonly before: MasterRole | null;
  readonly after: MasterRole | null;
  /** The view when the unit was sent, and when its replies were there. */
  readonly sent: Pick<FreshView, 'required'>;
  readonly now: Pick<FreshView, 'required' | 'masterPeers'>;
  /** The other end of the connection that carried the unit, `ip:port`. */
  readonly peer: string;
};

/** The decision itself; each line of it has a test in test/unit/acknowledgement.test.ts. */
export function judge({ before, after, sent, now, peer }: Evidence): UnconfirmedReason | null {
  if (before === null || after === null) return 'not_master';
  if (!now.masterPeers.has(peer)) return 'other_master';
  const hasIt = (node: string): boolean => (after.replicas.get(node) ?? -1) >= before.offset;
  if (![...after.replicas.keys()].some(hasIt)) return 'short_wait';
  const required = sent.required.union(now.required);
  for (const node of required) if (!hasIt(node)) return 'short_wait';
  return null;
}
