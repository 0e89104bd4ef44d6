// Numeric settings: nothing but a whole number in its range gets through.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError, settingsSchema } from '../../src/config.ts';
import { load, refusal, SENTINELS } from '../support/load-config.ts';

const NUMBERS: readonly [name: keyof ReturnType<typeof load>, min: number, max: number][] = [
  ['PORT', 0, 65_535],
  ['METRICS_PORT', 0, 65_535],
  ['STREAM_PORT', 0, 65_535],
  ['ACK_TIMEOUT_MS', 50, 60_000],
  ['LOCK_TTL_MS', 100, 600_000],
  ['LOCK_WAIT_MS', 0, 60_000],
  ['SAVE_DEADLINE_MS', 100, 300_000],
  ['MAX_PENDING_SAVES', 1, 1_000_000],
  ['RATE_LIMIT_PER_SECOND', 1, 1_000_000],
  ['MAX_REQUESTS_PER_CLIENT', 1, 100_000],
  ['PARTITIONS', 1, 256],
  ['INDEX_BUCKETS', 1, 65_536],
  ['SHUTDOWN_GRACE_MS', 100, 600_000],
];

describe.each(NUMBERS)('%s', (name, min, max) => {
  const isRight = (value: string): boolean => {
    try {
      const number = load({ ...SENTINELS, [name]: value })[name] as number;
      return Number.isInteger(number) && number >= min && number <= max && Number(value) === number;
    } catch (error) {
      return error instanceof ConfigError && error.message.includes(name);
    }
  };

  test.each([
    '-1',
    '1.5',
    '100.',
    '1e3',
    '0x10',
    'abc',
    ' 1',
    '1 ',
    '+1',
    '1_000',
    '1,000',
    'Infinity',
    'NaN',
    '٣',
    '9'.repeat(400),
  ])('is not %j', (value) => {
    expect(refusal({ ...SENTINELS, [name]: value })).toMatch(new RegExp(`^${name} `));
  });

  test('is in its range', () => {
    expect(refusal({ ...SENTINELS, [name]: String(min - 1) })).toMatch(new RegExp(`^${name} `));
    expect(refusal({ ...SENTINELS, [name]: String(max + 1) })).toMatch(new RegExp(`^${name} .*${max}`));
    expect(settingsSchema.shape[name].safeParse(String(min))).toMatchObject({ success: true, data: min });
    expect(settingsSchema.shape[name].safeParse(String(max))).toMatchObject({ success: true, data: max });
  });

  test('is a whole number in its range or refused, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.integer().map(String),
      fc.double().map(String),
      fc.stringMatching(/^[0-9eE.+-]{1,8}$/),
    );
    expect(() => fc.assert(fc.property(text, isRight), { numRuns: 50 })).not.toThrow();
  });
});
