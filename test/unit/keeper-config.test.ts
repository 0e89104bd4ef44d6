// The keeper's settings, and the series that it has from the start.
import { expect, test } from 'vitest';
import { loadKeeperConfig } from '../../src/keeper/keeper-config.ts';
import { createKeeperMetrics } from '../../src/keeper/keeper-metrics.ts';

const noFile = (): string => {
  throw new Error('no file is read');
};

test('Sentinels are all that it must be told', () => {
  expect(loadKeeperConfig({ REDIS_SENTINELS: 'one:26379,two:26380' }, noFile)).toMatchObject({
    REDIS_SENTINELS: [
      { host: 'one', port: 26_379 },
      { host: 'two', port: 26_380 },
    ],
    REDIS_MASTER_NAME: 'items',
    PORT: 3_000,
  });
});

test('a secret may be in a file, as for the service', () => {
  const env = { REDIS_SENTINELS: 'one:1', REDIS_PASSWORD_FILE: '/run/secret' };
  expect(loadKeeperConfig(env, () => 'hush\n').REDIS_PASSWORD).toBe('hush');
});

test.each<[string, Record<string, string>, RegExp]>([
  ['no Sentinels', {}, /^REDIS_SENTINELS /],
  ['a bad address', { REDIS_SENTINELS: 'one' }, /^REDIS_SENTINELS must be host:port$/],
  ['a misspelled setting', { REDIS_SENTINEL: 'one:1' }, /did you mean REDIS_SENTINELS/],
])('%s ends the start with one line', (_name, env, message) => {
  expect(() => loadKeeperConfig(env, noFile)).toThrow(message);
});

test('every series is there from the start, and counts of nodes follow what was seen', async () => {
  const nodes = new Map([
    ['a:1', 'master'],
    ['b:1', 'promotable'],
    ['c:1', 'promotable'],
  ] as const);
  const buildInfo = { version: '1', node: 'v24' };
  const { registry } = createKeeperMetrics({ connections: ['watch', 'sentinel'], buildInfo }, nodes);
  const text = await registry.metrics();
  for (const line of [
    'keeper_nodes{state="master"} 1',
    'keeper_nodes{state="promotable"} 2',
    'keeper_nodes{state="not_promotable"} 0',
    'keeper_nodes{state="unreachable"} 0',
    'keeper_looks_total 0',
    'keeper_priority_changes_total{to="0"} 0',
    'keeper_priority_changes_total{to="100"} 0',
    'keeper_demotions_total 0',
    'keeper_action_failures_total 0',
    'redis_connection_up{connection="watch"} 0',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
});
