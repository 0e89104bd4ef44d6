// Does something again and again beside a test.
export type Repeated = { stop(): Promise<void> };

/** Until it is stopped; each time when the last one is over. */
export function repeat(work: () => Promise<unknown>): Repeated {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) await work();
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
