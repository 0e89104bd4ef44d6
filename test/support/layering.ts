// Reads the imports of source files and finds those that go against the layout.
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';

/** Paths relative to src, with their text. */
export type Sources = Readonly<Record<string, string>>;

type Rule = {
  /** What it may import of ours: folders, or top-level files without `.ts`. Its own folder is always allowed. */
  readonly ours: readonly string[];
  readonly packages: readonly string[];
};

// The arrows of the design, section 5: main → runtime → app → http → items ← redis ← runtime. Observability is below
// all of them but items, and knows none.
const RULES: Readonly<Record<string, Rule>> = {
  items: { ours: [], packages: ['canonicalize', 'zod'] },
  access: { ours: [], packages: ['zod'] },
  observability: { ours: [], packages: ['pino', 'prom-client', '@opentelemetry/*'] },
  status: { ours: [], packages: ['zod'] },
  redis: { ours: ['items', 'status'], packages: ['ioredis', 'p-limit', 'redlock'] },
  http: {
    ours: ['access', 'items', 'observability', 'status'],
    packages: ['fastify', 'zod', 'zod-openapi', '@fastify/cors'],
  },
  app: { ours: ['access', 'http', 'items', 'observability'], packages: ['fastify'] },
  config: { ours: ['config-checks'], packages: ['zod'] },
  'config-checks': { ours: ['config'], packages: [] },
  'docs-assets': { ours: ['http'], packages: ['swagger-ui-dist'] },
  shutdown: { ours: ['observability'], packages: [] },
  runtime: {
    ours: [
      'open-audit',
      'open-keys',
      'open-rate-limit',
      'open-status',
      'open-tracing',
      'app',
      'config',
      'config-checks',
      'docs-assets',
      'shutdown',
      'url-of',
      'http',
      'items',
      'observability',
      'redis',
    ],
    packages: [],
  },
  // Its files but the entry and the runtime are its domain, and name types of the adapter only.
  keeper: { ours: ['app', 'config', 'entry', 'observability', 'redis', 'url-of'], packages: ['prom-client'] },
  'open-rate-limit': { ours: ['http', 'config'], packages: [] },
  'open-status': { ours: ['config', 'http', 'observability', 'redis', 'status'], packages: [] },
  'open-tracing': { ours: ['config', 'observability'], packages: ['prom-client'] },
  'open-audit': { ours: ['config', 'observability'], packages: [] },
  'open-keys': { ours: ['access', 'config', 'observability'], packages: [] },
  'url-of': { ours: [], packages: ['fastify'] },
  entry: { ours: ['config', 'observability'], packages: ['close-with-grace'] },
  main: { ours: ['runtime', 'config', 'entry'], packages: [] },
};

type Import = { readonly from: string; readonly to: string; readonly isType: boolean };

const IMPORT = /(?:^|[;\n])\s*(?:import|export)\s+(type\s+)?(?:[^'"();]*?\sfrom\s*)?['"]([^'"]+)['"]/g;
const DYNAMIC_IMPORT = /\b(?:import|require)\s*\(\s*(?:['"]([^'"]+)['"])?/g;

/** Everything that is wrong with the imports of these files, one line each. */
export function findViolations(sources: Sources): string[] {
  const found: string[] = [];
  const imports = Object.entries(sources).flatMap(([from, text]) => importsOf(from, withoutComments(text)));
  for (const { from, to } of imports) {
    const why = whyForbidden(from, to, sources);
    if (why !== null) found.push(`${from} imports ${to}: ${why}`);
  }
  for (const [path, text] of Object.entries(sources)) {
    if (path !== 'entry.ts' && /\bprocess\s*(\.|\[\s*['"])\s*(env|exit)\b/.test(withoutComments(text))) {
      found.push(`${path} uses process.env or process.exit, which only entry.ts may`);
    }
  }
  for (const cycle of findCycles(imports.filter(({ isType }) => !isType))) found.push(`cycle: ${cycle.join(' → ')}`);
  return found;
}

function whyForbidden(from: string, to: string, sources: Sources): string | null {
  const layer = layerOf(from);
  const rule = RULES[layer];
  if (rule === undefined) return `there is no rule for ${layer}`;
  if (to.startsWith('node:')) return null;
  if (isBuiltin(to)) return 'Node modules are imported with node:';
  if (!to.startsWith('src/')) {
    const [scope = '', name = ''] = to.split('/');
    const packageName = scope.startsWith('@') ? `${scope}/${name}` : scope;
    return rule.packages.includes(packageName) || rule.packages.includes(`${scope}/*`)
      ? null
      : `${layer} may not use the package ${packageName}`;
  }
  const path = to.slice('src/'.length);
  if (sources[path] === undefined) return 'there is no such file in src';
  const target = layerOf(path);
  return target === layer || rule.ours.includes(target) ? null : `${layer} may not know ${target}`;
}

const layerOf = (path: string): string => path.split('/')[0]?.replace(/\.ts$/, '') ?? '';

function importsOf(from: string, text: string): Import[] {
  const resolve = (name: string): string =>
    name.startsWith('.') ? posix.join('src', posix.dirname(from), name) : name;
  const fixed = [...text.matchAll(IMPORT)].map(([, type, name = '']) => ({
    from,
    to: resolve(name),
    isType: type !== undefined,
  }));
  const dynamic = [...text.matchAll(DYNAMIC_IMPORT)].map(([, name = 'a computed name']) => ({
    from,
    to: resolve(name),
    isType: false,
  }));
  return [...fixed, ...dynamic];
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|[^:'"`\\])\/\/.*$/gm, '$1');
}

/** Each cycle once, starting from its first file in the order of names. Imports of types only do not count. */
function findCycles(imports: readonly Import[]): string[][] {
  const targets = Map.groupBy(imports, ({ from }) => from);
  const cycles = new Map<string, string[]>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start !== -1) {
      const cycle = path.slice(start);
      const key = cycle.toSorted().join();
      if (!cycles.has(key)) cycles.set(key, [...cycle, file]);
      return;
    }
    for (const { to } of targets.get(file) ?? []) if (to.startsWith('src/')) visit(to.slice(4), [...path, file]);
  };
  for (const file of [...targets.keys()].toSorted()) visit(file, []);
  return [...cycles.values()];
}
