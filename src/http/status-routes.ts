// GET /status: a page for people, and GET /status/events: what it shows, once a second as server-sent events.
import { finished, Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { StatusBoard, Watch } from '../status/board.ts';
import { fixedAnswer, HTML } from './fixed-answer.ts';
import { refuseUnknownHosts } from './known-hosts.ts';
import { ProblemError } from './problems.ts';

export type StatusDeps = {
  readonly board: Pick<StatusBoard, 'watch' | 'watchers'>;
  readonly assets: { readonly page: string; readonly script: string; readonly style: string };
  readonly maxWatchers: number;
  /** See `refuseUnknownHosts`. */
  readonly allowedHosts: readonly string[];
  readonly times: {
    /** A watcher that takes nothing for this long is cut. */
    readonly stallMs: number;
    /** How long a watcher waits before it connects again. */
    readonly retryMs: number;
    /** The same after a shutdown: longer than this instance goes on listening. */
    readonly drainRetryMs: number;
  };
};

// Nothing inline and nothing from elsewhere; the empty picture in the place of /favicon.ico is a data: address.
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

/** Registers the routes. Like probes they are not measured: who looks at the page must not move what it shows. */
export async function statusRoutes(app: FastifyInstance, deps: StatusDeps): Promise<void> {
  const { board, assets, maxWatchers, times } = deps;
  // It asks nobody for a key, wherever it is.
  refuseUnknownHosts(app, deps.allowedHosts);
  const config = { isProbe: true };
  app.get('/status', { config }, fixedAnswer(HTML, assets.page, PAGE_HEADERS));
  app.get('/status/page.js', { config }, fixedAnswer('text/javascript; charset=utf-8', assets.script));
  app.get('/status/page.css', { config }, fixedAnswer('text/css; charset=utf-8', assets.style));

  app.get('/status/events', { config }, async (request, reply) => {
    void reply.headers({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      // nginx would keep events until a buffer is full.
      'x-accel-buffering': 'no',
    });
    // See feed-route.ts.
    if (request.method === 'HEAD') return reply.send(Readable.from([]));
    if (board.watchers >= maxWatchers) {
      throw new ProblemError('overloaded', `${maxWatchers} watch at this instance, which is as many as may`);
    }
    const watch = board.watch();
    if (watch === null) throw new ProblemError('draining', 'this instance is shutting down');
    finished(reply.raw, () => watch.close());
    // Starts anew with every byte that is taken.
    reply.raw.setTimeout(times.stallMs, () => reply.raw.destroy());
    return reply.send(Readable.from(eventText(watch, times)));
  });
}

/** Text is made when it is asked for: a slow watcher misses what was in between, which the next one does not need. */
async function* eventText(watch: Watch, { retryMs, drainRetryMs }: StatusDeps['times']): AsyncGenerator<string> {
  yield `retry: ${retryMs}\n\n`;
  for (let snapshot = await watch.next(); snapshot !== null; snapshot = await watch.next()) {
    yield `data: ${JSON.stringify(snapshot)}\n\n`;
  }
  yield `retry: ${drainRetryMs}\n\n`;
}
