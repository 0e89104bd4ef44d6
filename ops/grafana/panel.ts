// The shapes of Grafana: rows and panels, laid out three in a line, as the JSON that it reads.

/** How values are written: Grafana's ids of units. */
export type Unit = 'short' | 'reqps' | 'ops' | 'cps' | 's' | 'bytes' | 'percentunit';

export type Panel = {
  readonly title: string;
  /** What it tells, and when to worry. */
  readonly description: string;
  readonly unit: Unit;
  /** PromQL, with what each series is called. */
  readonly queries: readonly (readonly [expr: string, legend: string])[];
  /** `stat` shows the last value, large. */
  readonly kind?: 'timeseries' | 'stat';
  readonly stacked?: boolean;
};

export type Row = { readonly title: string; readonly panels: readonly Panel[] };

const COLUMNS = 3;
const WIDTH = 24 / COLUMNS;
const HEIGHT = 7;
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** Grafana's list of panels; ids and places follow from the order. */
export function layOut(rows: readonly Row[]): object[] {
  let [id, y] = [1, 0];
  return rows.flatMap(({ title, panels }) => {
    const row = { id: id++, type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] };
    const top = y + 1;
    y = top + Math.ceil(panels.length / COLUMNS) * HEIGHT;
    const placed = panels.map((panel, i) => ({
      id: id++,
      gridPos: {
        x: (i % COLUMNS) * WIDTH,
        y: top + Math.floor(i / COLUMNS) * HEIGHT,
        w: WIDTH,
        h: HEIGHT,
      },
      ...render(panel),
    }));
    return [row, ...placed];
  });
}

function render({ title, description, unit, queries, kind = 'timeseries', stacked = false }: Panel): object {
  return {
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(unit === 'percentunit' ? { max: 1, decimals: 3 } : {}),
        ...(kind === 'stat' ? {} : { custom: { fillOpacity: stacked ? 30 : 0, ...stacking(stacked) } }),
      },
      overrides: [],
    },
    options:
      kind === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'none', graphMode: 'area' }
        : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map(([expr, legendFormat], i) => ({
      refId: String.fromCodePoint(65 + i),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      range: true,
    })),
  };
}

const stacking = (stacked: boolean) => (stacked ? { stacking: { mode: 'normal', group: 'A' } } : {});
