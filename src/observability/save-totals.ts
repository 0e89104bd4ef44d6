// What became of posted contents since the start, from the metrics, for those who show it to people.
import type { Metrics, SaveMetricOutcome } from './metrics.ts';

type Total = 'saved' | 'duplicates' | 'replayed' | 'refused' | 'failed';

const TOTALS: Readonly<Record<SaveMetricOutcome, Total>> = {
  saved: 'saved',
  replayed: 'replayed',
  duplicate: 'duplicates',
  in_progress: 'failed',
  invalid: 'refused',
  rejected: 'refused',
  failed: 'failed',
};

/** Adds up the counter, over all modes. */
export async function saveTotals({ itemSaves }: Pick<Metrics, 'itemSaves'>): Promise<Record<Total, number>> {
  const totals = { saved: 0, duplicates: 0, replayed: 0, refused: 0, failed: 0 };
  for (const { labels, value } of (await itemSaves.get()).values) {
    totals[TOTALS[labels.outcome as SaveMetricOutcome]] += value;
  }
  return totals;
}
