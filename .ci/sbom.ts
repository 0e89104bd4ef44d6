// npm run sbom: the packages that run in production, as CycloneDX, from the lock file.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

type Bom = {
  components: { 'bom-ref': string }[];
  dependencies: { ref: string; dependsOn?: string[] }[];
};
type Lock = { packages: Record<string, { version: string; name?: string; dev?: boolean }> };

const ROOT = new URL('../', import.meta.url);
const lock = JSON.parse(readFileSync(new URL('package-lock.json', ROOT), 'utf8')) as Lock;

// npm's own --omit=dev leaves out as well what production needs and something for development may use, too.
const inProduction = new Set(
  Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { name, version }]) => `${name ?? path.split('node_modules/').at(-1)}@${version}`),
);
const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx'];
const bom = JSON.parse(execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1e8 })) as Bom;
const isIn = (ref: string): boolean => inProduction.has(ref.replace(/\|.*$/, ''));
const components = bom.components.filter((component) => isIn(component['bom-ref']));
const kept = new Set(components.map((component) => component['bom-ref']));
const [root, ...others] = bom.dependencies;
const dependencies = [...(root === undefined ? [] : [root]), ...others.filter(({ ref }) => kept.has(ref))].map(
  ({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((name) => kept.has(name)) }),
);
process.stdout.write(`${JSON.stringify({ ...bom, components, dependencies }, null, 2)}\n`);
