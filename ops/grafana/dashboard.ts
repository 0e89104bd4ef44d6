// The dashboard: what it shows and asks. `npm run dashboard` writes ops/grafana/dashboards/items.json from it.
import { layOut } from './panel.ts';
import { redisRow, runtimeRow } from './machine-rows.ts';
import { acknowledgementRow, deduplicationRow } from './save-rows.ts';
import { clientsRow, serviceRow } from './service-rows.ts';

const variable = { refresh: 2, skipUrlSync: false, hide: 0 };

/** As Grafana reads it from a file. */
export const dashboard = {
  uid: 'item-integration',
  title: 'Item integration',
  description: 'Made from ops/grafana/dashboard.ts.',
  tags: ['items'],
  schemaVersion: 41,
  version: 1,
  editable: false,
  graphTooltip: 1,
  refresh: '10s',
  time: { from: 'now-30m', to: 'now' },
  timezone: 'utc',
  templating: {
    list: [
      { ...variable, name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
      {
        ...variable,
        name: 'instance',
        label: 'Instance',
        type: 'query',
        datasource: { type: 'prometheus', uid: '${datasource}' },
        query: { query: 'label_values(up{job="items"}, instance)', refId: 'instances' },
        multi: true,
        includeAll: true,
        allValue: '.*',
        current: { text: 'All', value: '$__all' },
      },
    ],
  },
  annotations: {
    list: [
      {
        name: 'Failovers',
        datasource: { type: 'prometheus', uid: '${datasource}' },
        enable: true,
        iconColor: 'red',
        // The epoch goes up with each failover, in every Sentinel; an instance that starts has seen none.
        expr: 'changes(max by (master_name) (redis_sentinel_master_config_epoch)[15s:5s]) > 0',
        step: '5s',
        titleFormat: 'Another Redis master',
      },
    ],
  },
  panels: layOut([serviceRow, deduplicationRow, acknowledgementRow, redisRow, clientsRow, runtimeRow]),
};
