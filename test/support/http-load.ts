// Constant load of new contents over HTTP, counting everything that a client would see besides its 201.
export interface Tally {
  /** Contents that were answered with 201. */
  created: string[];
  /** Contents that got any other answer, or none: stored or not, a client cannot know. */
  unknown: string[];
  /** Any other status, and whatever came instead of an answer, with how often it came. */
  failures: Record<string, number>;
}

export interface Load {
  /** How many contents were answered with 201 so far. */
  readonly count: () => number;
  stop(): Promise<Tally>;
}

export function post(url: string, content: string): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/v1/items`, { method: 'POST', headers, body: JSON.stringify({ content }) });
}

/**
 * Does so many pieces of work, at first 25 at a time and with every one that is done one more, up to 400. Of thousands of
 * connections at once some find nginx's queue full; and nginx hangs up on who says nothing for 10 s, which is what a client
 * on a busy machine may take to get round to all that it has opened.
 */
export async function inParallel<T>(count: number, work: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let [next, running] = [0, 25];
  const one = async (): Promise<void> => {
    const more: Promise<void>[] = [];
    while (next < count) {
      const n = next++;
      results[n] = await work(n);
      if (running++ < 400) more.push(one());
    }
    await Promise.all(more);
  };
  await Promise.all(Array.from({ length: running }, one));
  return results;
}

/** Every client posts its next content when the last one was answered, so a slow stack is not flooded. */
export function startLoad(url: string, label: string, clients = 16): Load {
  const tally: Tally = { created: [], unknown: [], failures: {} };
  const stopping = new AbortController();
  async function client(name: string): Promise<void> {
    for (let n = 0; !stopping.signal.aborted; n++) {
      const content = `${name}-${n}`;
      const result = await outcome(url, content);
      (result === '201' ? tally.created : tally.unknown).push(content);
      if (result !== '201') tally.failures[result] = (tally.failures[result] ?? 0) + 1;
    }
  }
  const running = Array.from({ length: clients }, (_, index) => client(`${label}-${index}`));
  return {
    count: () => tally.created.length,
    async stop() {
      stopping.abort();
      await Promise.all(running);
      return tally;
    },
  };
}

async function outcome(url: string, content: string): Promise<string> {
  try {
    const answer = await post(url, content);
    const body = await answer.text();
    // The code of a problem, so that equal failures count as one kind.
    return answer.status === 201
      ? '201'
      : `${answer.status} ${/"code":"([^"]+)"/.exec(body)?.[1] ?? body.slice(0, 200)}`;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return String(cause);
  }
}
