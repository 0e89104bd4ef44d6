// The rows about what becomes of contents: what is a duplicate, and when a save is acknowledged.
import type { Row } from './panel.ts';
import { ITEMS, p50and99, quantile, rate } from './promql.ts';

export const deduplicationRow: Row = {
  title: 'Deduplication',
  panels: [
    {
      title: 'What became of contents',
      description: 'Contents, not requests: a batch counts for each of its own.',
      unit: 'ops',
      stacked: true,
      queries: [[rate('item_saves_total', 'outcome'), '{{outcome}}']],
    },
    {
      title: 'Duplicates',
      description: 'Share of the contents that were saved already. A jump is a client in a loop.',
      unit: 'percentunit',
      queries: [
        [
          `${rate('item_saves_total', '', `${ITEMS},outcome="duplicate"`)} / ${rate('item_saves_total', '', `${ITEMS},outcome=~"saved|replayed|duplicate"`)}`,
          'duplicates',
        ],
        [
          `${rate('item_saves_total', '', `${ITEMS},outcome="replayed"`)} / ${rate('item_saves_total', '', `${ITEMS},outcome=~"saved|replayed|duplicate"`)}`,
          'replayed',
        ],
      ],
    },
    {
      title: 'Joined',
      description: 'Saves that joined one of the same content in their instance, and asked Redis nothing.',
      unit: 'ops',
      queries: [[rate('item_saves_joined_total', 'instance'), '{{instance}}']],
    },
    {
      title: 'Waiting',
      description: 'Saves without an outcome yet. At MAX_PENDING_SAVES (10,000) new ones are answered 503.',
      unit: 'short',
      queries: [[`item_saves_pending{${ITEMS}}`, '{{instance}}']],
    },
    {
      title: 'Time to an outcome, 99 %',
      description: 'From the queue to the outcome; nothing of HTTP is in it.',
      unit: 's',
      queries: [[quantile(0.99, 'item_save_duration_seconds', ITEMS, ['outcome']), '{{outcome}}']],
    },
    {
      title: 'Locks',
      description: 'Contended: another instance was saving the same content. Unavailable: Redis could not be asked.',
      unit: 'ops',
      queries: [[rate('content_lock_acquire_seconds_count', 'outcome'), '{{outcome}}']],
    },
    {
      title: 'Locks lost',
      description:
        'Lost: the store fenced the save off, and it was made again. Not released: they expire by themselves.',
      unit: 'ops',
      queries: [
        [rate('content_lock_lost_total'), 'lost'],
        [rate('content_lock_release_failures_total'), 'not released'],
      ],
    },
    {
      title: 'Time to lock',
      description: 'All contents of a batch together.',
      unit: 's',
      queries: p50and99('content_lock_acquire_seconds'),
    },
  ],
};

export const acknowledgementRow: Row = {
  title: 'Acknowledgement',
  panels: [
    {
      title: 'Script and acknowledgement',
      description: 'Until every replica that could be promoted had the commit. Nothing is answered before.',
      unit: 's',
      queries: p50and99('replication_ack_seconds'),
    },
    {
      title: 'Not confirmed',
      description: 'Commits that were tried again, by reason. Some in a failover; more than that is a replica behind.',
      unit: 'ops',
      queries: [[rate('replication_ack_failures_total', 'reason'), '{{reason}}']],
    },
    {
      title: 'Commits',
      description: 'Rounds of locks, script and acknowledgement.',
      unit: 'ops',
      queries: [[rate('commit_duration_seconds_count', 'instance'), '{{instance}}']],
    },
    {
      title: 'Time of a commit',
      description: 'Locks included.',
      unit: 's',
      queries: p50and99('commit_duration_seconds'),
    },
    {
      title: 'Contents in a commit',
      description: 'Mean. It grows with the load, up to 500, and that is what keeps Redis from being the limit.',
      unit: 'short',
      queries: [[`${rate('commit_batch_size_sum')} / ${rate('commit_batch_size_count')}`, 'contents']],
    },
  ],
};
