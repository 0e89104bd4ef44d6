// Tells what an error of Redis or of the connection means for a write.
import type { FailureCode } from '../items/errors.ts';

/**
 * Every reason for which a commit was not confirmed; labels of a metric, so the set is closed. A server that falls silent
 * is left before it is late, which counts as `connection`; `timeout` is one that goes on answering others first.
 * `cluster_down` is a node of a Redis Cluster in the place of `REDIS_URL`, which nothing here supports yet.
 */
export const UNCONFIRMED_REASONS = [
  'short_wait',
  'no_view',
  'not_master',
  'other_master',
  'connection',
  'timeout',
  'noscript',
  'readonly',
  'loading',
  'misconf',
  'oom',
  'noreplicas',
  'busy',
  'cluster_down',
  'other',
] as const;

export type UnconfirmedReason = (typeof UNCONFIRMED_REASONS)[number];

const BY_REPLY_CODE: Readonly<Record<string, UnconfirmedReason>> = {
  NOSCRIPT: 'noscript',
  READONLY: 'readonly',
  LOADING: 'loading',
  MISCONF: 'misconf',
  OOM: 'oom',
  NOREPLICAS: 'noreplicas',
  BUSY: 'busy',
  CLUSTERDOWN: 'cluster_down',
  MASTERDOWN: 'readonly',
  UNKILLABLE: 'busy',
};

/** The reason behind an error, from the code that Redis puts first in its message. */
export function reasonOf(error: Error): UnconfirmedReason {
  const [code = ''] = error.message.split(' ', 1);
  const known = BY_REPLY_CODE[code];
  if (known !== undefined) return known;
  if (/timed out|timeout/i.test(error.message)) return 'timeout';
  if (/connection|stream isn't writeable|socket|ECONN|EPIPE|max retries/i.test(error.message)) return 'connection';
  return 'other';
}

/** What a client is told. Only a full memory is the store's last word; all else may pass within the deadline. */
export function failureOf(reason: UnconfirmedReason): FailureCode {
  switch (reason) {
    case 'oom':
      return 'storage-full';
    case 'short_wait':
    case 'noreplicas':
      return 'not-replicated';
    default:
      return 'store-unavailable';
  }
}
