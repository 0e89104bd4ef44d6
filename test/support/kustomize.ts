// Builds an overlay as `kustomize build` does, as far as ops/kubernetes uses it; refuses what it does not know.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
};

type Generator = { readonly name: string; readonly literals?: readonly string[]; readonly files?: readonly string[] };
type Image = { readonly name: string; readonly newName?: string; readonly newTag?: string };
type Kustomization = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly resources?: readonly string[];
  readonly labels?: readonly { readonly pairs: Readonly<Record<string, string>> }[];
  readonly images?: readonly Image[];
  readonly configMapGenerator?: readonly Generator[];
};

const KNOWN = ['apiVersion', 'kind', 'namespace', 'resources', 'labels', 'images', 'configMapGenerator'];

/**
 * Everything that a folder with a kustomization.yaml stands for. Names of generated ConfigMaps have no hash at their end
 * here. Throws for a field that it does not know, because ignoring one would test something else than what is applied.
 */
export function build(dir: string): Manifest[] {
  const kustomization = parse(readFileSync(join(dir, 'kustomization.yaml'), 'utf8')) as Kustomization;
  const unknown = Object.keys(kustomization).filter((key) => !KNOWN.includes(key));
  if (unknown.length > 0) throw new Error(`${dir}: this build does not know ${unknown.join(', ')}`);
  const { resources = [], configMapGenerator = [], labels = [], images = [], namespace } = kustomization;
  const manifests = [
    ...resources.flatMap((resource) => read(join(dir, resource))),
    ...configMapGenerator.map((generator) => configMap(dir, generator)),
  ];
  const pairs = Object.assign({}, ...labels.map((label) => label.pairs)) as Record<string, string>;
  return manifests.map(
    (manifest) =>
      withImages(
        {
          ...manifest,
          metadata: {
            ...manifest.metadata,
            ...(namespace === undefined ? {} : { namespace }),
            ...(labels.length === 0 ? {} : { labels: { ...manifest.metadata.labels, ...pairs } }),
          },
        },
        images,
      ) as Manifest,
  );
}

function read(path: string): Manifest[] {
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  if (statSync(path).isDirectory()) return build(path);
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as Manifest);
}

function configMap(dir: string, { name, literals = [], files = [] }: Generator): Manifest {
  const data = Object.fromEntries([
    ...literals.map((literal) => {
      const [, key = '', value = ''] = /^([^=]+)=([^]*)$/.exec(literal) ?? [];
      return [key, value];
    }),
    ...files.map((file) => [basename(file), readFileSync(join(dir, file), 'utf8')]),
  ]) as Record<string, string>;
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

/** Wherever a container names an image. */
function withImages(value: unknown, images: readonly Image[]): unknown {
  if (Array.isArray(value)) return value.map((one) => withImages(one, images));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const image = key === 'image' ? images.find(({ name }) => name === inner) : undefined;
      if (image === undefined) return [key, withImages(inner, images)];
      return [key, `${image.newName ?? image.name}:${image.newTag ?? 'latest'}`];
    }),
  );
}
