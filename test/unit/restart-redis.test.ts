// The order in which ops/compose/restart-redis.sh makes nodes anew, and where it stops; a program stands for "docker".
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../ops/compose/restart-redis.sh', import.meta.url));

/** Notes what it is asked for, and answers as the files beside it say. */
const DOCKER = `#!/bin/sh
cd "$(dirname "$0")"
for service; do :; done
case "$*" in
  *' config --services') printf '%s\\n' api keeper redis-1 redis-2 redis-3 sentinel-1 sentinel-2 sentinel-3 ;;
  *' sh /ops/redis/settled.sh')
    echo settled >>calls
    [ "$(grep -c settled calls)" -ne "$(cat not-whole-at)" ] || { echo 'settled: not yet: something'; exit 1; } ;;
  *'/cli.sh sentinel-1:26379 sentinel get-master-addr-by-name items') cat master ;;
  *' sh /ops/redis/switchover.sh')
    to=$(head -n 1 moves)
    echo "move to $to" >>calls
    sed -i.before 1d moves
    [ "$to" != nobody ] || { echo 'switchover: refused: because'; exit 1; }
    echo "$to" >master ;;
  'compose up --detach --wait --no-deps --force-recreate '*)
    echo "$service while $(cat master) is master" >>calls
    [ "$service" != "$(cat ill)" ] || { printf '%s\\n' one two three four; exit 1; }
    [ "$service" != "$(cat takes-over-after)" ] || echo redis-3 >master ;;
  *) echo "what is $*?" >>calls; exit 1 ;;
esac
`;

type Set = {
  readonly master?: string;
  /** Where switchover.sh moves the master, one after the other; "nobody" is a refusal. */
  readonly moves?: readonly string[];
  /** The how manieth settled.sh fails. */
  readonly notWholeAt?: number;
  readonly ill?: string;
  /** The Sentinels make redis-3 the master when this one is made anew. */
  readonly takesOverAfter?: string;
};

function restart({ master = 'redis-1', moves = ['redis-2'], notWholeAt = 0, ill = '', takesOverAfter = '' }: Set = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'restart-redis-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const files = {
    master,
    moves: moves.join('\n'),
    'not-whole-at': `${notWholeAt}`,
    ill,
    'takes-over-after': takesOverAfter,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), `${text}\n`);
  writeFileSync(join(dir, 'docker'), DOCKER, { mode: 0o755 });
  const env = { PATH: `${dir}:${process.env['PATH'] ?? ''}` };
  const { status, stdout, stderr } = spawnSync('sh', [SCRIPT], { env, encoding: 'utf8' });
  const calls = readFileSync(join(dir, 'calls'), 'utf8').trimEnd().split('\n');
  return { status, output: stdout + stderr, calls, renewed: calls.filter((call) => call.includes(' while ')) };
}

const SENTINELS = ['sentinel-1', 'sentinel-2', 'sentinel-3'];
const of = (master: string, ...services: string[]) => services.map((one) => `${one} while ${master} is master`);

test('Sentinels, replicas, and the former master as the last, each only when the set is whole', () => {
  const { status, calls } = restart();
  const before = of('redis-1', ...SENTINELS, 'redis-2', 'redis-3').flatMap((call) => ['settled', call]);
  expect(calls).toEqual([...before, 'settled', 'move to redis-2', 'settled', ...of('redis-2', 'redis-1'), 'settled']);
  expect(status).toBe(0);
});

test('wherever the master is', () => {
  const { status, renewed } = restart({ master: 'redis-3', moves: ['redis-1'] });
  const replicas = of('redis-3', ...SENTINELS, 'redis-1', 'redis-2');
  expect(renewed).toEqual([...replicas, ...of('redis-1', 'redis-3')]);
  expect(status).toBe(0);
});

test('who becomes master meanwhile is put off, too', () => {
  const { status, renewed } = restart({ takesOverAfter: 'redis-2', moves: ['redis-1'] });
  const replicas = of('redis-1', ...SENTINELS, 'redis-2');
  expect(renewed).toEqual([...replicas, ...of('redis-3', 'redis-1'), ...of('redis-1', 'redis-3')]);
  expect(status).toBe(0);
});

test('a master that does not move at once is moved at another try', () => {
  const { status, calls } = restart({ moves: ['nobody', 'nobody', 'redis-3'] });
  expect(calls.filter((call) => call.startsWith('move'))).toEqual([
    'move to nobody',
    'move to nobody',
    'move to redis-3',
  ]);
  expect(calls.at(-2)).toBe('redis-1 while redis-3 is master');
  expect(status).toBe(0);
});

test('a master that does not move is not restarted', () => {
  const { status, output, renewed } = restart({ moves: ['nobody', 'nobody', 'nobody', 'redis-2'] });
  expect(renewed).toEqual(of('redis-1', ...SENTINELS, 'redis-2', 'redis-3'));
  expect(output).toMatch(
    /refused: because[^]*the master was not moved, and redis-1 is not restarted; run this again\n$/,
  );
  expect(status).toBe(1);
});

test.each([
  [1, 0],
  [3, 2],
  [6, 5],
])('when the set is not whole for the %ith time, it stops after %i parts', (notWholeAt, parts) => {
  const { status, output, renewed } = restart({ notWholeAt });
  expect(renewed).toHaveLength(parts);
  expect(output).toMatch(/not yet: something[^]*nothing else is restarted/);
  expect(status).toBe(1);
});

test('one that does not become healthy is the last, and its last lines are shown', () => {
  const { status, output, renewed } = restart({ ill: 'sentinel-2' });
  expect(renewed).toHaveLength(2);
  expect(output).toMatch(/two\nthree\nfour\n.*sentinel-2 did not become healthy, see "docker compose logs sentinel-2"/);
  expect(status).toBe(1);
});

test('nobody is restarted as a replica while no master of the compose file is named', () => {
  const { status, output, renewed } = restart({ master: '10.0.0.1' });
  expect(renewed).toEqual(of('10.0.0.1', ...SENTINELS));
  expect(output).toContain('the master "10.0.0.1" is no service of the compose file');
  expect(status).toBe(1);
});

test('nor is the former master when it is not known where the master went', () => {
  const { status, renewed } = restart({ moves: ['10.0.0.1'] });
  expect(renewed).toEqual(of('redis-1', ...SENTINELS, 'redis-2', 'redis-3'));
  expect(status).toBe(1);
});
