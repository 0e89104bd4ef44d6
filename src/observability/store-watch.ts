// Asks the store every second whether it is there, so that nobody has to when /readyz is asked.
import type { Logger } from './logger.ts';
import type { Readiness } from './readiness.ts';

const INTERVAL_MS = 1_000;

type WatchedStore = { ping(): Promise<boolean>; checkDataVersion(): Promise<string | null> };

/**
 * Keeps `readiness` informed until the function that it returns is called. The first time that the store answers, the
 * data version is checked: from then on the process takes traffic, or `onMismatch` is told why it cannot.
 */
export function watchStore(
  store: WatchedStore,
  readiness: Readiness,
  logger: Logger,
  onMismatch: (detail: string) => void,
): () => void {
  let checked = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function checkOnce(): Promise<void> {
    const mismatch = await store.checkDataVersion();
    checked = true;
    if (mismatch !== null) return onMismatch(mismatch);
    readiness.started();
    logger.info('ready');
  }

  async function look(): Promise<void> {
    const reachable = await store.ping();
    readiness.storeAnswered(reachable);
    // A fault between the two is a store that cannot be reached: it is asked again.
    if (reachable && !checked) await checkOnce().catch(() => {});
    // Until the first answer every moment counts for whoever waits for this process to start.
    if (!stopped) timer = setTimeout(() => void look(), checked ? INTERVAL_MS : INTERVAL_MS / 10);
  }

  void look();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
