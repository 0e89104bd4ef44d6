// The keeper's own metrics, beside those that every program has.
import { Counter, Gauge } from 'prom-client';
import { type CommonLabels, createCommonMetrics } from '../observability/common-metrics.ts';
import { NODE_STATES, type NodeKind } from './keeper.ts';

export type KeeperMetrics = ReturnType<typeof createKeeperMetrics>;

/** `nodes` tells what each node was at the last look. */
export function createKeeperMetrics(labels: CommonLabels, nodes: ReadonlyMap<string, NodeKind>) {
  const common = createCommonMetrics(labels);
  const registers = [common.registry];
  const nodeCounts = new Gauge({
    name: 'keeper_nodes',
    help: 'Data nodes by what they were when last looked at; without a promotable one nobody can replace the master.',
    labelNames: ['state'] as const,
    registers,
    collect() {
      for (const state of NODE_STATES) {
        this.set({ state }, [...nodes.values()].filter((kind) => kind === state).length);
      }
    },
  });
  const looks = new Counter({
    name: 'keeper_looks_total',
    help: 'Times that all nodes were looked at with a fresh view of the set.',
    registers,
  });
  const priorityChanges = new Counter({
    name: 'keeper_priority_changes_total',
    help: 'Nodes that were marked as promotable (to="100") or not (to="0").',
    labelNames: ['to'] as const,
    registers,
  });
  for (const to of ['0', '100']) priorityChanges.inc({ to }, 0);
  const demotions = new Counter({
    name: 'keeper_demotions_total',
    help: 'Nodes of a former master, or that itself, that were made to follow the new one.',
    registers,
  });
  const failures = new Counter({
    name: 'keeper_action_failures_total',
    help: 'Changes to a node that the node refused or did not confirm.',
    registers,
  });
  return { ...common, nodeCounts, looks, priorityChanges, demotions, failures };
}
