// Holds manifests against the API of Kubernetes without a cluster: by its schemas, and as literals of its types.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Manifest } from './kustomize.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** Packages that carry kinds, by their group. */
const PACKAGES: Readonly<Record<string, string>> = {
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
};

function moduleOf({ apiVersion, kind }: Manifest): string {
  const group = apiVersion.split('/')[0] ?? '';
  return `${PACKAGES[group] ?? 'kubernetes-models'}/${apiVersion}/${kind}`;
}

type Model = { validate(): void };

/** What the schema of its kind says against a manifest: types, formats, what is missing. They let unknown fields pass. */
export async function faultsOf(manifest: Manifest): Promise<string | null> {
  const module = (await import(moduleOf(manifest))) as Record<string, new (data: Manifest) => Model>;
  const Kind = module[manifest.kind];
  if (Kind === undefined) throw new Error(`${moduleOf(manifest)} has no ${manifest.kind}`);
  try {
    new Kind(manifest).validate();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What the compiler says of manifests as literals of their types, which may have no field that the type does not know. */
export async function typeFaultsOf(manifests: readonly Manifest[]): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'items-manifests-'));
  const lines = manifests.map((manifest, i) => {
    const path = join(ROOT, 'node_modules', `${moduleOf(manifest)}.js`);
    const type = `import(${JSON.stringify(path)}).I${manifest.kind}`;
    return `export const manifest${i}: ${type} = ${JSON.stringify(manifest, null, 2)};`;
  });
  writeFileSync(join(dir, 'manifests.ts'), lines.join('\n'));
  const options = { noEmit: true, strict: true, module: 'nodenext', target: 'esnext', skipLibCheck: true, types: [] };
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['manifests.ts'] }));
  try {
    await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', dir]);
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
