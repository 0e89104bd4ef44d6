// What the first command on a fresh clone runs.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const SCRIPT = new URL('../../stack/bootstrap.sh', import.meta.url);

/** A clone without packages, and a directory of programs that stand for those of the machine; they note that they ran. */
function freshClone() {
  const dir = mkdtempSync(join(tmpdir(), 'bootstrap-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [stack, programs] = [join(dir, 'stack'), join(dir, 'programs')];
  for (const made of [stack, programs]) mkdirSync(made);
  cpSync(SCRIPT, join(stack, 'bootstrap.sh'));
  const answers = { npm: ':', nginx: ':', 'redis-cli': ':', 'redis-server': 'echo "Redis server v=7.2.0 sha=0"' };
  for (const [name, answer] of Object.entries(answers)) {
    writeFileSync(join(programs, name), `#!/bin/sh\ntouch ${join(dir, name)}\n${answer}\n`, { mode: 0o755 });
  }
  return { script: join(stack, 'bootstrap.sh'), programs, hasRun: (name: string) => existsSync(join(dir, name)) };
}

test('goes on after it has installed the packages, whether npm started it or not', () => {
  for (const isStartedByNpm of [false, true]) {
    const { script, programs } = freshClone();
    const npm = isStartedByNpm ? { npm_execpath: 'npm-cli.js', npm_node_execpath: join(programs, 'npm') } : {};
    const env = { PATH: `${programs}:${process.env['PATH'] ?? ''}`, ...npm };
    expect(() => execFileSync('sh', [script], { env, stdio: 'pipe' })).not.toThrow();
  }
});

test('with --packages does without Redis and nginx, and leaves the output to the command', () => {
  const { script, programs, hasRun } = freshClone();
  const env = { PATH: `${programs}:${process.env['PATH'] ?? ''}` };
  expect(execFileSync('sh', [script, '--packages'], { env, stdio: ['ignore', 'pipe', 'ignore'] }).toString()).toBe('');
  expect([hasRun('npm'), hasRun('redis-server')]).toEqual([true, false]);
});

test('whatever the README runs by name in a fresh clone installs its packages first', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = new Set([...read('README.md').matchAll(/^(?:\$ )?npm (?:run )?([a-z:]+)/gm)].map(([, name]) => name!));
  expect([...named]).toContain('key');
  for (const name of named) expect(scripts[name], name).toMatch(/^sh stack\/bootstrap\.sh /);
});
