// Reads what /metrics answers.

/** Each series of a text in Prometheus's format, as it is written there, with its value. */
export function readSeries(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** The series of a running program. */
export async function scrape(url: string): Promise<Map<string, number>> {
  return readSeries(await (await fetch(`${url}/metrics`)).text());
}

/** The sum of all series of a metric whose labels hold all of these texts; NaN when there is none. */
export function sumOf(series: ReadonlyMap<string, number>, name: string, ...labels: readonly string[]): number {
  const found = [...series].filter(
    ([key]) => (key === name || key.startsWith(`${name}{`)) && labels.every((label) => key.includes(label)),
  );
  return found.length === 0 ? Number.NaN : found.reduce((sum, [, value]) => sum + value, 0);
}
