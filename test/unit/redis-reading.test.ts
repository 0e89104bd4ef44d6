// How the Redis adapter reads errors, Sentinels and keys.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentKey } from '../../src/items/content.ts';
import { failureOf, reasonOf } from '../../src/redis/faults.ts';
import { indexKey, lockKey, placeOf } from '../../src/redis/keys.ts';

describe('an error', () => {
  test.each([
    ['NOSCRIPT No matching script. Please use EVAL.', 'noscript', 'store-unavailable'],
    ["READONLY You can't write against a read only replica.", 'readonly', 'store-unavailable'],
    ['LOADING Redis is loading the dataset in memory', 'loading', 'store-unavailable'],
    ['MISCONF Redis is configured to save RDB snapshots', 'misconf', 'store-unavailable'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'oom', 'storage-full'],
    ['NOREPLICAS Not enough good replicas to write.', 'noreplicas', 'not-replicated'],
    ['BUSY Redis is busy running a script.', 'busy', 'store-unavailable'],
    ['CLUSTERDOWN The cluster is down', 'cluster_down', 'store-unavailable'],
    ['Connection is closed.', 'connection', 'store-unavailable'],
    ["Stream isn't writeable and enableOfflineQueue options is false", 'connection', 'store-unavailable'],
    ['Command aborted due to connection close', 'connection', 'store-unavailable'],
    ['Reached the max retries per request limit (which is 0).', 'connection', 'store-unavailable'],
    ['connect ECONNREFUSED 127.0.0.1:1', 'connection', 'store-unavailable'],
    ['Command timed out', 'timeout', 'store-unavailable'],
    ["Socket timeout. Expecting data, but didn't receive any in 2000ms.", 'timeout', 'store-unavailable'],
    ['WRONGTYPE Operation against a key', 'other', 'store-unavailable'],
  ] as const)('%s means %s', (message, reason, failure) => {
    expect(reasonOf(new Error(message))).toBe(reason);
    expect(failureOf(reason)).toBe(failure);
  });
});

describe('the place of a content', () => {
  const space = { prefix: '', partitions: 16, buckets: 4_096 };

  test('is within the settings, and the lock and the index of a content share its slot', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const key = contentKey({ kind: 'string', text });
        const { partition, bucket } = placeOf(space, key);
        expect(partition).toBeLessThan(16);
        expect(bucket).toBeLessThan(4_096);
        const tag = `{${partition}}`;
        expect(lockKey(space, key)).toContain(tag);
        expect(indexKey(space, partition, bucket)).toContain(tag);
      }),
    );
  });

  test('spreads contents evenly', () => {
    const counts = Array.from({ length: 16 }, () => 0);
    for (let i = 0; i < 16_000; i++) counts[placeOf(space, contentKey({ kind: 'string', text: `${i}` })).partition]!++;
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1_150);
  });
});
