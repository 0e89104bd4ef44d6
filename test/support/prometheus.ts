// Questions that the compose test asks a Prometheus server.
interface Target {
  labels: { job: string; instance: string };
  health: string;
}

interface Sample {
  metric: Record<string, string>;
  value: [number, string];
}

/** The instances of a job that the last scrape reached. */
export async function instancesUp(url: string, job: string): Promise<string[]> {
  const { activeTargets } = await ask<{ activeTargets: Target[] }>(`${url}/api/v1/targets?state=active`);
  const up = activeTargets.filter(({ labels, health }) => labels.job === job && health === 'up');
  return up.map(({ labels }) => labels.instance).toSorted();
}

/** The value of a PromQL expression for each instance. */
export async function byInstance(url: string, query: string): Promise<Map<string, number>> {
  const { result } = await ask<{ result: Sample[] }>(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
  return new Map(result.map(({ metric, value }) => [metric['instance'] ?? '', Number(value[1])]));
}

async function ask<T>(url: string): Promise<T> {
  const answer = await fetch(url);
  const { status, data } = (await answer.json()) as { status: string; data: T };
  if (status !== 'success') throw new Error(`${url}: ${answer.status} ${status}`);
  return data;
}
