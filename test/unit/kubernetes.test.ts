// The manifests in ops/kubernetes: valid by the API's schemas and types, and what `kustomize build` makes of them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { faultsOf, typeFaultsOf } from '../support/kubernetes-schemas.ts';
import { build, type Manifest } from '../support/kustomize.ts';

const EXAMPLE = join(import.meta.dirname, '../../ops/kubernetes/example');
const manifests = build(EXAMPLE);
const titleOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.name}`;

test.each(manifests.map((manifest) => [titleOf(manifest), manifest] as const))(
  '%s is valid by the schema of its kind',
  async (_, manifest) => {
    expect(await faultsOf(manifest)).toBeNull();
  },
);

test('no manifest has a field that its kind does not know', async () => {
  expect(await typeFaultsOf(manifests)).toBe('');
}, 60_000);

test('the rules of Prometheus become PrometheusRules by the command in the README', async () => {
  const readme = readFileSync(join(EXAMPLE, '../README.md'), 'utf8');
  const [, command = ''] = /^## Alerts\n[^]*?```sh\n([^]*?)```/m.exec(readme) ?? [];
  const dir = mkdtempSync(join(tmpdir(), 'items-rules-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const ops = join(EXAMPLE, '../..');
  symlinkSync(ops, join(dir, 'ops'));
  execFileSync('sh', ['-c', command], { cwd: dir });
  const rules = parseAllDocuments(readFileSync(join(dir, 'rules.yaml'), 'utf8')).map((one) => one.toJS() as Manifest);
  const files = readdirSync(join(ops, 'prometheus/rules')).toSorted();
  expect(rules.map(({ metadata }) => metadata.name)).toEqual(files.map((file) => `items-${file.replace('.yml', '')}`));
  for (const rule of rules) expect(await faultsOf(rule), titleOf(rule)).toBeNull();
  expect(await typeFaultsOf(rules)).toBe('');
}, 60_000);

describe('the checks find', () => {
  const deployment = manifests.find((one) => titleOf(one) === 'Deployment items-api');
  const broken = (change: (copy: { spec: Record<string, unknown> }) => void): Manifest => {
    const copy = structuredClone(deployment) as unknown as { spec: Record<string, unknown> };
    change(copy);
    return copy as unknown as Manifest;
  };

  test('a wrong type, and what is missing', async () => {
    expect(await faultsOf(broken(({ spec }) => (spec['replicas'] = 'two')))).toContain('replicas must be integer');
    expect(await faultsOf(broken(({ spec }) => delete spec['selector']))).toContain('selector');
  });

  test('a misspelled field, however deep', async () => {
    const misspelled = [
      broken(({ spec }) => (spec['replcas'] = 2)),
      broken(({ spec }) => {
        const { spec: pod } = spec['template'] as { spec: { containers: Record<string, unknown>[] } };
        Object.assign(pod.containers[0] ?? {}, { redinessProbe: {} });
      }),
    ];
    const faults = await typeFaultsOf(misspelled);
    expect(faults).toContain('"replcas"');
    expect(faults).toContain('"redinessProbe"');
  }, 60_000);
});

/** What kubectl makes of a folder, or null where there is none that knows how. */
function buildWithKubectl(dir: string): Manifest[] | null {
  try {
    const text = execFileSync('kubectl', ['kustomize', dir], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  } catch {
    return null;
  }
}

const sorted = (list: readonly Manifest[]): Manifest[] =>
  list.toSorted((a, b) => (titleOf(a) < titleOf(b) ? -1 : titleOf(a) > titleOf(b) ? 1 : 0));

/** Names of generated ConfigMaps end with a hash of what is in them, in the real build. */
function withoutHashes(list: readonly Manifest[]): Manifest[] {
  const named = list.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name);
  const text = named.reduce(
    (all, name) => all.replaceAll(`"${name}"`, `"${name.replace(/-[a-z0-9]{10}$/, '')}"`),
    JSON.stringify(list),
  );
  return JSON.parse(text) as Manifest[];
}

const built = buildWithKubectl(EXAMPLE);

test.skipIf(built === null)('our build is what kubectl kustomize makes (needs kubectl)', () => {
  expect(sorted(withoutHashes(built ?? []))).toEqual(sorted(manifests));
});
