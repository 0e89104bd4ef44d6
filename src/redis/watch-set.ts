// Opens the connections of a watch over a Sentinel set.
import { connectToSentinel, connectToWatch, type ConnectionObserver } from './connect.ts';
import type { StoreAccess } from './connection-options.ts';
import { SentinelWatch, type WatchOptions } from './sentinel-watch.ts';

/** Starts to watch the set; null when there are no Sentinels. */
export function watchSet(
  access: StoreAccess,
  observer: ConnectionObserver,
  options: Pick<WatchOptions, 'inSyncLagMs' | 'onMasterChange' | 'onPoll' | 'infoPeriodMs'>,
): SentinelWatch | null {
  const { target } = access;
  if (target.kind !== 'sentinel') return null;
  return new SentinelWatch({
    ...options,
    masterName: target.masterName,
    sentinels: target.sentinels.map((address) => connectToSentinel(address, access, observer)),
    master: connectToWatch(access, observer),
  });
}
