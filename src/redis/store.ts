// Opens everything that talks to Redis and closes it again.
import type { Probe } from '../items/fault-points.ts';
import type { ItemFeed } from '../items/feed.ts';
import type { AnswerTally, ContentLocks, ItemCounter, ItemErasure, ItemStore } from '../items/ports.ts';
import type { SetReport, StatusChannel } from '../status/report.ts';
import { countRule, everyReplicaRule } from './acknowledgement.ts';
import type { AckObserver } from './confirmed-script.ts';
import { connect, leave, peerOf, reconnect, type ConnectionName, type ConnectionObserver } from './connect.ts';
import type { StoreAccess } from './connection-options.ts';
import { type LockObserver, RedisContentLocks } from './content-locks.ts';
import { checkDataVersion } from './data-version.ts';
import { FeedHorizon } from './feed-horizon.ts';
import { RedisItemErasure } from './item-erasure.ts';
import { RedisItemFeed } from './item-feed.ts';
import { RedisItemStore } from './item-store.ts';
import { LateCounts } from './late-counts.ts';
import { type Keyspace, statusChannel } from './keys.ts';
import { SetReporter } from './set-report.ts';
import { RedisStatusChannel } from './status-channel.ts';
import { watchSet } from './watch-set.ts';

export const CONNECTIONS: readonly ConnectionName[] = [
  'commit',
  'lock',
  'command',
  'read',
  'feed',
  'watch',
  'sentinel',
];

export type StoreSettings = {
  readonly access: StoreAccess;
  readonly space: Keyspace;
  /** `all`: every replica that Sentinel could promote, by name; a number: that many, whichever they are. */
  readonly acks: 'all' | number;
  readonly ackTimeoutMs: number;
  readonly lockTtlMs: number;
  /** How long a read or an erasure is repeated while the store cannot be asked. */
  readonly deadlineMs: number;
};

export type StoreObservers = ConnectionObserver & AckObserver & LockObserver & { masterChanged(master: string): void };

export type OpenStore = {
  readonly items: ItemStore & ItemCounter;
  readonly erasure: ItemErasure;
  readonly feed: ItemFeed;
  readonly locks: ContentLocks;
  readonly tally: AnswerTally;
  readonly statusChannel: StatusChannel;
  /** What is seen of the Redis set now; null without Sentinels. */
  setReport(): SetReport | null;
  /** Whether the master answers within its time limit. */
  ping(): Promise<boolean>;
  /** See `checkDataVersion`. */
  checkDataVersion(): Promise<string | null>;
  /** Says goodbye to Redis, so that no reply is cut, and closes what does not answer within `graceMs`. */
  close(graceMs: number): Promise<void>;
};

/** The longest that a healthy Redis takes over one command that does not wait for replicas. */
const COMMAND_SILENCE_MS = 500;

/**
 * More than the keeper's and the time between two polls together: a replica that the keeper takes for in sync, and may mark
 * as promotable, must be in sync here too, though both look at different moments.
 */
const IN_SYNC_LAG_MS = 2_500;

/** What only tests give. */
export type StoreHooks = {
  readonly probe?: Probe | undefined;
  /** Run in place of save-items.lua. */
  readonly saveScript?: string | undefined;
};

/** Opens the connections; returns at once, whether Redis can be reached or not. */
export function openStore(settings: StoreSettings, observers: StoreObservers, hooks: StoreHooks = {}): OpenStore {
  const { access, space, acks, ackTimeoutMs } = settings;
  // Commits wait for replicas. Reads, and whoever waits for a lock, must not stand behind them; nor what is small behind a
  // big page.
  const commitRedis = connect('commit', access, ackTimeoutMs, observers);
  const lockRedis = connect('lock', access, COMMAND_SILENCE_MS, observers);
  const commandRedis = connect('command', access, COMMAND_SILENCE_MS, observers);
  const readRedis = connect('read', access, COMMAND_SILENCE_MS, observers);
  // Waits for replicas like the commits.
  const feedRedis = connect('feed', access, ackTimeoutMs, observers);
  const connections = [commitRedis, lockRedis, commandRedis, readRedis, feedRedis];
  const channel = new RedisStatusChannel(commandRedis, access, statusChannel(space));
  const reporter = access.target.kind === 'sentinel' ? new SetReporter(access.target.sentinels.length) : null;
  const watch = watchSet(access, observers, {
    inSyncLagMs: IN_SYNC_LAG_MS,
    onPoll: (poll) => reporter?.see(poll, Date.now()),
    onMasterChange({ master, masterPeers }) {
      observers.masterChanged(master);
      // A planned failover leaves connections to the former master open.
      for (const connection of connections) if (!masterPeers.has(peerOf(connection))) reconnect(connection);
      channel.follow(masterPeers);
    },
  });
  const ackRule =
    acks === 'all' ? everyReplicaRule(() => watch?.fresh() ?? null, ackTimeoutMs) : countRule(acks, ackTimeoutMs);
  const items = new RedisItemStore({
    commitRedis,
    readRedis,
    space,
    ackRule,
    readDeadlineMs: settings.deadlineMs,
    observer: observers,
    script: hooks.saveScript,
    probe: hooks.probe,
  });
  const erasure = new RedisItemErasure({
    commitRedis,
    space,
    ackRule,
    deadlineMs: settings.deadlineMs,
    observer: observers,
  });
  const horizon = new FeedHorizon(feedRedis, space, ackRule);
  const feed = new RedisItemFeed(horizon, space.partitions, settings.deadlineMs);
  const tally = new LateCounts(commandRedis, space);
  return {
    items,
    erasure,
    feed,
    tally,
    statusChannel: channel,
    setReport: () => reporter?.report(performance.now()) ?? null,
    locks: new RedisContentLocks({ commitRedis, lockRedis }, space, settings.lockTtlMs, observers),
    ping: () =>
      commandRedis.ping().then(
        () => true,
        () => false,
      ),
    checkDataVersion: () => checkDataVersion(commandRedis, space),
    async close(graceMs) {
      feed.close();
      watch?.close();
      tally.close();
      channel.close();
      await leave(connections, graceMs);
    },
  };
}
