// Two kinds of plots as SVG: horizontal bars of stacked parts, and lines. One grey for all text and lines that reads on
// white and on black, because a picture on GitHub does not know which of its themes the page is in.
import type { Series } from './report.ts';

const WIDTH = 760;
const GREY = '#7d8590';
const COLOURS = ['#3b82f6', '#f59e0b', '#10b981', '#a855f7', '#ef4444', '#64748b'];
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';

type Anchor = 'start' | 'middle' | 'end';

const colour = (index: number): string => COLOURS[index % COLOURS.length] ?? GREY;

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const textAt = (x: number, y: number, text: string, anchor: Anchor = 'start'): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escape(text)}</text>`;

function svg(title: string, height: number, content: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" ${FONT} fill="${GREY}">`,
    `<title>${escape(title)}</title>`,
    `<text x="8" y="20" font-size="14" font-weight="600">${escape(title)}</text>`,
    ...content,
    '</svg>\n',
  ].join('\n');
}

function legend(names: readonly string[], y: number): string[] {
  let x = 8;
  return names.flatMap((name, i) => {
    const parts = [`<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colour(i)}"/>`, textAt(x + 15, y, name)];
    x += 35 + name.length * 7;
    return parts;
  });
}

/** `values` belong to the plot's parts, in order. */
export type Bar = { readonly name: string; readonly values: readonly number[] };
export type BarGroup = { readonly name: string; readonly bars: readonly Bar[] };

const sum = ({ values }: Bar): number => values.reduce((total, value) => total + value, 0);

/** A bar for each of a group, its parts one behind the other, and their sum. */
export function barPlot(title: string, parts: readonly string[], groups: readonly BarGroup[]): string {
  const [left, right, rowHeight] = [170, 70, 22];
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map(sum)));
  const scale = (WIDTH - left - right) / most;
  const content = parts.length > 1 ? legend(parts, 44) : [];
  let y = parts.length > 1 ? 58 : 34;
  for (const { name, bars } of groups) {
    if (name !== '') {
      content.push(`<text x="8" y="${y + 14}" font-weight="600">${escape(name)}</text>`);
      y += rowHeight;
    }
    for (const bar of bars) {
      content.push(textAt(left - 8, y + 14, bar.name, 'end'));
      let x = left;
      for (const [i, value] of bar.values.entries()) {
        const width = value * scale;
        content.push(
          `<rect x="${x.toFixed(1)}" y="${y + 2}" width="${width.toFixed(1)}" height="16" fill="${colour(i)}"/>`,
        );
        x += width;
      }
      content.push(textAt(x + 6, y + 14, readable(sum(bar))));
      y += rowHeight;
    }
    y += 6;
  }
  return svg(title, y + 4, content);
}

export type LinePlot = {
  readonly title: string;
  readonly xLabel: string;
  readonly series: readonly Series[];
  /** What stands under the axis, by its place on it. */
  readonly xTicks: readonly (readonly [x: number, label: string])[];
  /** Powers of ten at equal distances; values below `yMin` are drawn there. */
  readonly isLogarithmic?: boolean;
  readonly yMin?: number;
};

export function linePlot({ title, xLabel, series, xTicks, isLogarithmic = false, yMin = 0 }: LinePlot): string {
  const [left, top, bottom, right] = [60, 60, 300, WIDTH - 20];
  const all = series.flatMap(({ points }) => points);
  const xs = [...all.map(([x]) => x), ...xTicks.map(([x]) => x)];
  const [xFrom, xTo] = [Math.min(...xs), Math.max(...xs)];
  const onScale = (value: number): number => (isLogarithmic ? Math.log10(Math.max(value, yMin)) : value);
  const yTicks = ticks(yMin, Math.max(...all.map(([, y]) => y)), isLogarithmic);
  const [yFrom, yTo] = [onScale(yMin), onScale(yTicks.at(-1) ?? 1)];
  const xAt = (x: number): number => left + ((x - xFrom) / (xTo - xFrom)) * (right - left);
  const yAt = (y: number): number => bottom - ((onScale(y) - yFrom) / (yTo - yFrom)) * (bottom - top);
  const content = legend(
    series.map(({ name }) => name),
    44,
  );
  for (const tick of yTicks) {
    const y = yAt(tick).toFixed(1);
    content.push(
      `<line x1="${left}" x2="${right}" y1="${y}" y2="${y}" stroke="${GREY}" stroke-opacity="0.3"/>`,
      textAt(left - 8, yAt(tick) + 4, readable(tick), 'end'),
    );
  }
  for (const [x, label] of xTicks) content.push(textAt(xAt(x), bottom + 18, label, 'middle'));
  content.push(textAt((left + right) / 2, bottom + 38, xLabel, 'middle'));
  for (const [i, { points }] of series.entries()) {
    const path = points.map(([x, y]) => `${xAt(x).toFixed(1)},${yAt(y).toFixed(1)}`).join(' ');
    content.push(`<polyline points="${path}" fill="none" stroke="${colour(i)}" stroke-width="2"/>`);
  }
  return svg(title, bottom + 50, content);
}

/** Round numbers from `from` to at least `to`. */
function ticks(from: number, to: number, isLogarithmic: boolean): number[] {
  const list = [from];
  if (isLogarithmic) {
    while ((list.at(-1) ?? to) < to) list.push((list.at(-1) ?? to) * 10);
    return list;
  }
  const rough = (to - from) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  while ((list.at(-1) ?? to) < to) list.push((list.at(-1) ?? to) + step);
  return list;
}

/** Three digits are enough for a plot. */
export function readable(value: number): string {
  return Number(value.toPrecision(value >= 1_000 ? 4 : 3)).toLocaleString('en');
}
