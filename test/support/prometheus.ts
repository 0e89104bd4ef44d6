// Questions that the compose tests ask a Prometheus server.
export interface Target {
  labels: { job: string; instance: string };
  health: string;
}

export interface Sample {
  metric: Record<string, string>;
  value: [number, string];
}

/** Whom it scrapes, and what came of the last time. */
export async function targetsOf(url: string): Promise<Target[]> {
  return (await ask<{ activeTargets: Target[] }>(`${url}/api/v1/targets?state=active`)).activeTargets;
}

/** The instances of a job that the last scrape reached. */
export async function instancesUp(url: string, job: string): Promise<string[]> {
  const up = (await targetsOf(url)).filter(({ labels, health }) => labels.job === job && health === 'up');
  return up.map(({ labels }) => labels.instance).toSorted();
}

/** The series of a PromQL expression now. */
export async function valuesOf(url: string, query: string): Promise<Sample[]> {
  return (await ask<{ result: Sample[] }>(`${url}/api/v1/query?query=${encodeURIComponent(query)}`)).result;
}

/** All values of all series of a PromQL expression from a time on, in seconds. */
export async function rangeOf(url: string, query: string, start: number, stepSeconds: number): Promise<number[]> {
  const range = new URLSearchParams({
    query,
    start: String(start),
    end: String(Date.now() / 1_000),
    step: String(stepSeconds),
  });
  const { result } = await ask<{ result: { values: [number, string][] }[] }>(
    `${url}/api/v1/query_range?${range.toString()}`,
  );
  return result.flatMap(({ values }) => values.map(([, value]) => Number(value)));
}

/** The value of a PromQL expression for each instance. */
export async function byInstance(url: string, query: string): Promise<Map<string, number>> {
  return new Map((await valuesOf(url, query)).map(({ metric, value }) => [metric['instance'] ?? '', Number(value[1])]));
}

async function ask<T>(url: string): Promise<T> {
  const answer = await fetch(url);
  const { status, data } = (await answer.json()) as { status: string; data: T };
  if (status !== 'success') throw new Error(`${url}: ${answer.status} ${status}`);
  return data;
}
