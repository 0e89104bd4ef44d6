// What is built from: actions by commit, images and packages by exact version, and nobody's scripts run in the image.
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const WORKFLOWS = globSync('.github/workflows/*.{yml,yaml}', { cwd: ROOT });
const COMPOSE = globSync('docker-compose*.yml', { cwd: ROOT });

/** What stands behind a key in any of these files, with the file. */
const valuesOf = (files: readonly string[], key: RegExp): string[] =>
  files.flatMap((file) => [...read(file).matchAll(key)].map(([, value = '']) => `${file}: ${value}`));

const EXACT_IMAGE = /: [a-z0-9./_-]+:v?\d+\.\d+\.\d+(-[a-z0-9.]+)?$/;

test('every action is pinned to a commit, and says which version that is', () => {
  const uses = valuesOf(WORKFLOWS, /^ *(?:- )?uses: *(.+)$/gm);
  expect(uses.length).toBeGreaterThan(6);
  expect(uses.filter((line) => !/: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
});

test('workflows may read the repository, and only the one that pushes images may write them', () => {
  for (const file of WORKFLOWS) expect(read(file), file).toMatch(/^permissions:\n {2}contents: read\n\n/m);
  const rights = valuesOf(WORKFLOWS, /^ +([a-z-]+: (?:write|admin))/gm);
  expect(rights).toEqual(['.github/workflows/image.yml: packages: write']);
  expect(valuesOf(WORKFLOWS, /(pull_request_target|workflow_run)/g)).toEqual([]);
});

test('every image has an exact version, the same wherever it is named', () => {
  const images = [
    ...valuesOf(COMPOSE, /^ *image: *(\S+)$/gm),
    ...valuesOf(['Dockerfile'], /^FROM (\S+)/gm),
    ...valuesOf(['test/support/container-launcher.ts'], /REDIS_IMAGE = '([^']+)'/g),
    ...valuesOf(['.ci/run'], /^images=\((.+)\)$/gm).flatMap((line) =>
      line
        .replace('.ci/run: ', '')
        .split(' ')
        .map((image) => `.ci/run: ${image}`),
    ),
  ];
  expect(images.length).toBeGreaterThan(8);
  expect(images.filter((line) => !EXACT_IMAGE.test(line))).toEqual([]);
  const versions = Map.groupBy(
    new Set(images.map((line) => line.slice(line.indexOf(': ') + 2))),
    (image) => image.split(':')[0],
  );
  expect([...versions.values()].filter((list) => list.length > 1)).toEqual([]);
});

// Below these, holes are known; see docs/decisions.md.
test.each([
  ['redis', [8, 2, 9]],
  ['nginx', [1, 30, 7]],
  ['node', [24, 14, 1]],
  ['prom/prometheus', [3, 5, 3]],
])('the image of %s has the fixes that are published', (name, floor) => {
  const [, version = ''] =
    new RegExp(`(?:image: |FROM )${name}:v?([0-9.]+)`).exec(COMPOSE.concat('Dockerfile').map(read).join('\n')) ?? [];
  const parts = version.split('.').map(Number);
  const isAtLeast = floor.map((least, i) => (parts[i] ?? 0) - least).find((difference) => difference !== 0) ?? 0;
  expect(isAtLeast, version).toBeGreaterThanOrEqual(0);
});

test('packages have exact versions, and no install script of theirs runs in the image', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const versions = Object.entries({ ...dependencies, ...devDependencies });
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[a-z0-9.]+)?$/.test(version))).toEqual([]);
  const installs = [...read('Dockerfile').matchAll(/^RUN (.*\b(?:npm|yarn|pnpm|npx|corepack)\b.*)$/gm)].map(
    ([, line]) => line,
  );
  expect(installs).toEqual([expect.stringMatching(/^npm ci --omit=dev --ignore-scripts /)]);
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean; hasInstallScript?: boolean; integrity?: string }>;
  };
  const production = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  expect(production.length).toBeGreaterThan(50);
  expect(
    production.filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true).map(([path]) => path),
  ).toEqual([]);
  // It tells its maker that it was installed, and does nothing else.
  const scripts = production.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => path);
  expect(scripts).toEqual(['node_modules/@scarf/scarf']);
});

const purlOf = ([name, version]: [string, string]): string => `pkg:npm/${name.replace('@', '%40')}@${version}`;

test('npm run sbom lists every package that runs in production, and no other', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: { sbom: string } };
  const text = execFileSync('sh', ['-c', scripts.sbom], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1e8,
  });
  const bom = JSON.parse(String(text)) as { bomFormat: string; components: { purl: string }[] };
  expect(bom.bomFormat).toBe('CycloneDX');
  const purls = bom.components.map(({ purl }) => purl);
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  expect(purls).toEqual(expect.arrayContaining(Object.entries(dependencies ?? {}).map(purlOf)));
  const ofTests = Object.entries(devDependencies ?? {}).filter(([name]) => !name.startsWith('ajv'));
  expect(ofTests.map(purlOf).filter((purl) => purls.includes(purl))).toEqual([]);
});

/** What the script makes of an answer of npm, which ends with 1 in all of these cases but the first. */
const run = (answer: unknown, env: Record<string, string> = {}): { code: number; output: string } => {
  const dir = mkdtempSync(join(tmpdir(), 'items-audit-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
  writeFileSync(join(dir, 'npm'), `#!/bin/sh\ncat <<'END'\n${text}\nEND\nexit 1\n`, { mode: 0o755 });
  const PATH = `${dir}:/usr/bin:/bin`;
  try {
    const output = execFileSync(process.execPath, [join(ROOT, '.ci/audit.ts')], {
      env: { PATH, ...env },
      stdio: 'pipe',
    });
    return { code: 0, output: String(output) };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: Buffer };
    return { code: status, output: String(stdout) };
  }
};
const found = (severity: string) => ({ auditReportVersion: 2, vulnerabilities: { bad: { severity, range: '<2' } } });

describe('npm run audit', () => {
  test('passes when nothing is known, and on what is harmless', () => {
    expect(run({ auditReportVersion: 2, vulnerabilities: {} })).toMatchObject({
      code: 0,
      output: expect.stringContaining('0 known') as string,
    });
    expect(run(found('low')).code).toBe(0);
  });

  test.each(['moderate', 'high', 'critical'])('fails on a hole that is %s, and names it', (severity) => {
    expect(run(found(severity))).toMatchObject({
      code: 1,
      output: expect.stringContaining(`${severity}: bad <2`) as string,
    });
  });

  test.each([
    ['refuses', { message: '405 Method Not Allowed', error: { summary: '' } }],
    ['is not there', { error: { summary: 'getaddrinfo ENOTFOUND' } }],
    ['answers nonsense', '<html>'],
  ])('says that it was not done when the registry %s, and fails only where that is asked for', (_, answer) => {
    expect(run(answer)).toMatchObject({ code: 0, output: expect.stringContaining('NOT done: ') as string });
    expect(run(answer, { REQUIRE_AUDIT: '1' }).code).toBe(1);
  });
});
