// What the status page tells: of one instance, of the Redis set, and of all of it together. No contents, no names of clients.
import { z } from 'zod';

/** What becomes of posted contents. `replayed` is a retry that got its own item again, `refused` what no retry would change. */
export const OUTCOMES = ['saved', 'duplicates', 'replayed', 'refused', 'failed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

const count = z.number().nonnegative();
const name = z.string().max(256);
const perOutcome = z.strictObject({ saved: count, duplicates: count, replayed: count, refused: count, failed: count });

const failover = z.strictObject({
  from: name,
  to: name,
  /** When the new master was first seen, in milliseconds since 1970. */
  at: count,
  /** From when the former master was last seen to then. */
  withoutMasterMs: count,
});

const instanceReport = z.strictObject({
  /** Another one after each start. */
  id: name,
  name,
  version: name,
  /** In milliseconds since 1970. */
  startedAt: count,
  /** As /readyz has it: only a `ready` one takes traffic. */
  state: name,
  /** Contents a second. */
  rates: perOutcome,
  /** Saves that wait for their outcome. */
  waiting: count,
  /** The last one that it saw. */
  failover: failover.nullable(),
});

/** Contents by what became of them: how many, or how many a second. */
export type PerOutcome = z.infer<typeof perOutcome>;
export type Failover = z.infer<typeof failover>;
/** What an instance says of itself. */
export type InstanceReport = z.infer<typeof instanceReport>;

/** A Redis node that holds items, as `host:port`. */
export type DataNode = {
  readonly address: string;
  /** `absent`: Sentinel knows it, and it is not connected to the master. `unknown`: there is no master to ask. */
  readonly state: 'master' | 'in-sync' | 'behind' | 'absent' | 'down' | 'unknown';
  /** How much of what the master wrote it has not acknowledged yet; null when nobody can say. */
  readonly lagBytes: number | null;
  /** Whether Sentinel could promote it, so that each save waits for it. */
  readonly isRequired: boolean;
};

/** What an instance sees of the Redis set. */
export type SetReport = {
  /** Null while no majority of the Sentinels names one that says itself that it is. */
  readonly master: string | null;
  readonly isFailingOver: boolean;
  /** Sentinels that answered lately, and all of them. */
  readonly sentinels: { readonly answering: number; readonly all: number };
  readonly nodes: readonly DataNode[];
  readonly failover: Failover | null;
};

/** An instance on the page. */
export type SeenInstance = InstanceReport & {
  /** How long it has said nothing. */
  readonly silentMs: number;
};

/** All of it, at one moment, as one instance sees it. */
export type Snapshot = {
  /** In milliseconds since 1970. */
  readonly at: number;
  /** The id of the instance that tells it. */
  readonly tellsId: string;
  readonly instances: readonly SeenInstance[];
  /** Of all instances that were heard lately. */
  readonly rates: PerOutcome;
  readonly waiting: number;
  /** Null without Sentinels. */
  readonly set: SetReport | null;
  /** The last one that any instance saw. */
  readonly failover: Failover | null;
};

/** Carries what instances say of themselves to each other. */
export type StatusChannel = {
  /** Says it to whoever listens, or to nobody while Redis cannot be reached. */
  publish(text: string): void;
  /** Calls `onText` with what any instance says, this one included, until the function that it returns is called. */
  listen(onText: (text: string) => void): () => void;
};

const MAX_TEXT_LENGTH = 4_096;

/** Reads what another instance said; null when it is not that, as from another version. */
export function readReport(text: string): InstanceReport | null {
  if (text.length > MAX_TEXT_LENGTH) return null;
  try {
    return instanceReport.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
