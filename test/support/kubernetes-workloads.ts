// The programs that ops/kubernetes starts, as their manifests describe them: a pod with one container each.
import { build, type Manifest } from './kustomize.ts';

export type Container = {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly resources: Readonly<Record<'requests' | 'limits', Readonly<Record<string, string>>>>;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
};

type Probe = {
  readonly httpGet?: { readonly path: string; readonly port: string };
  readonly tcpSocket?: { readonly port: string };
};

export type Volume = {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly defaultMode: number };
  readonly emptyDir?: object;
  readonly projected?: object;
};

export type Pod = {
  readonly containers: readonly [Container];
  readonly volumes: readonly Volume[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly terminationGracePeriodSeconds: number;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
};

export type Selector = {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values: string[] }[];
};
type Peer = { readonly podSelector?: Selector; readonly namespaceSelector?: Selector };
type Rule = { readonly from?: Peer[]; readonly to?: Peer[]; readonly ports?: { readonly port: string | number }[] };

type Endpoint = {
  readonly port: string;
  readonly interval: string;
  readonly relabelings: readonly { readonly targetLabel: string; readonly replacement: string }[];
};

/** What the tests read of each kind; test/unit/kubernetes.test.ts holds all of it against the API. */
type Specs = {
  readonly Deployment: {
    readonly selector: Selector;
    readonly replicas?: number;
    readonly template: { readonly spec: Pod; readonly metadata: { readonly labels: Readonly<Record<string, string>> } };
  };
  readonly Service: {
    readonly clusterIP?: string;
    readonly selector: Readonly<Record<string, string>>;
    readonly ports: readonly { readonly name: string; readonly targetPort: string }[];
  };
  readonly PodDisruptionBudget: { readonly selector: Selector };
  readonly NetworkPolicy: {
    readonly podSelector: Selector;
    readonly policyTypes: readonly string[];
    readonly ingress?: Rule[];
    readonly egress?: Rule[];
  };
  readonly HorizontalPodAutoscaler: {
    readonly scaleTargetRef: object;
    readonly minReplicas: number;
    readonly behavior: Readonly<Record<'scaleUp' | 'scaleDown', { readonly stabilizationWindowSeconds: number }>>;
  };
  readonly ServiceMonitor: { readonly selector: Selector; readonly endpoints: readonly Endpoint[] };
};

type Named<K extends keyof Specs> = Manifest & { readonly spec: Specs[K] };

const manifests = build(`${import.meta.dirname}/../../ops/kubernetes/example`);

/** All manifests of a kind. */
export const manifestsOf = <K extends keyof Specs>(kind: K): Named<K>[] =>
  manifests.filter((one) => one.kind === kind) as Named<K>[];

/** What a manifest asks for. */
export function specOf<K extends keyof Specs>(kind: K, name: string): Specs[K] {
  const found = manifestsOf(kind).find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`ops/kubernetes has no ${kind} ${name}`);
  return found.spec;
}

/** What is in a ConfigMap. */
export function configOf(name: string): Readonly<Record<string, string>> {
  const found = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
  if (found === undefined) throw new Error(`ops/kubernetes has no ConfigMap ${name}`);
  return found['data'] as Record<string, string>;
}

/** The environment that a container starts with: what it is given by name wins, as in a pod. */
export function environmentOf({ env = [], envFrom = [] }: Container): Record<string, string> {
  const maps = envFrom.map(({ configMapRef }) => configOf(configMapRef.name));
  return Object.assign({}, ...maps, Object.fromEntries(env.map(({ name, value }) => [name, value]))) as Record<
    string,
    string
  >;
}
