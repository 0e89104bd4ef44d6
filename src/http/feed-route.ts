// GET /v1/items/feed: every saved item once, as server-sent events (WHATWG HTML, section 9.2).
import { finished, Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { KeyCheck } from '../access/keyring.ts';
import type { FeedEvent, FeedReader, FeedStart, ItemFeed } from '../items/feed.ts';
import { decodeCursor, encodeCursor } from '../items/list-cursor.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { ProblemError } from './problems.ts';
import { recordRequest } from './request-log.ts';
import { feedQuery } from './schemas/queries.ts';
import { parseQuery } from './validation.ts';

export type FeedDeps = {
  /** Null where nobody is asked for a key. */
  readonly keys: Pick<KeyCheck, 'isStillValid'> | null;
  readonly feed: ItemFeed;
  readonly partitions: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly maxFeedConsumers: number;
  readonly feedTimes: FeedTimes;
};

export type FeedTimes = {
  /** After this long without an item a comment is sent, so that nobody on the way takes the connection for dead. */
  readonly heartbeatMs: number;
  /** A consumer that takes nothing for this long is cut. */
  readonly stallMs: number;
  /** How long a consumer waits before it connects again. */
  readonly retryMs: number;
  /** The same after a shutdown: longer than this instance goes on listening, or the next one would be it again. */
  readonly drainRetryMs: number;
};

const NO_CURSOR = 'is not a cursor of this service';
/** Small events go out together: with a write for each, 100 consumers got the same items in three times the time. */
const CHUNK_LENGTH = 65_536;
const CURSOR_HEADER = 'last-event-id';

/** Registers the route. */
export async function feedRoute(app: FastifyInstance, deps: FeedDeps): Promise<void> {
  const { feed, partitions, logger, metrics, maxFeedConsumers, feedTimes } = deps;
  let consumers = 0;
  const countConsumers = (by: 1 | -1): void => {
    consumers += by;
    metrics.itemFeedConsumers.set(consumers);
  };

  app.get(
    '/v1/items/feed',
    { config: { scope: 'items:read', statusCodes: [401, 403, 422, 429, 500, 503], isEndless: true } },
    async (request, reply) => {
      const from = readStart(request, partitions);
      void reply.headers({
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        // nginx would keep events until a buffer is full.
        'x-accel-buffering': 'no',
      });
      // The answer to HEAD is never sent a body, and would wait for the end of one for ever. A text would announce its length.
      if (request.method === 'HEAD') return reply.send(Readable.from([]));
      if (consumers >= maxFeedConsumers) {
        throw new ProblemError(
          'overloaded',
          `this instance serves ${maxFeedConsumers} feeds, which is as many as it may`,
        );
      }
      countConsumers(1);
      let reader: FeedReader | null = null;
      let isGone = false;
      finished(reply.raw, (cut) => {
        isGone = true;
        countConsumers(-1);
        reader?.close();
        // A consumer that leaves is the usual end, and one that the framework does not tell.
        if (cut != null) recordRequest(request, reply, logger, metrics);
      });
      reader = await feed.open(from);
      if (isGone) reader.close();
      // Starts anew with every byte that is taken.
      reply.raw.setTimeout(feedTimes.stallMs, () => reply.raw.destroy());
      return reply.send(Readable.from(eventText(reader, request, deps)));
    },
  );
}

/** Last-Event-ID, which a browser sends when it connects again, wins over the query that it began with. */
function readStart(request: FastifyRequest, partitions: number): FeedStart {
  const { after } = parseQuery(feedQuery, request.query);
  const last = String(request.headers[CURSOR_HEADER] ?? '');
  if (last === '' && (after === undefined || after === 'latest')) return after ?? 'beginning';
  const cursor = decodeCursor(last === '' ? (after ?? '') : last, partitions);
  if (cursor?.order === 'asc') return cursor;
  const detail = cursor === null ? NO_CURSOR : 'is a cursor of a listing that goes down';
  throw new ProblemError('validation-failed', 'the cursor cannot be used', {
    errors: [{ parameter: last === '' ? 'after' : 'Last-Event-ID', detail }],
  });
}

/** Text is made when it is asked for, so that a slow consumer has a chunk in memory and what was read in one go. */
async function* eventText(
  reader: FeedReader,
  request: FastifyRequest,
  { feedTimes: { heartbeatMs, retryMs, drainRetryMs }, metrics, keys }: FeedDeps,
): AsyncGenerator<string> {
  const log = { events: 0 };
  request.feedLog = log;
  try {
    // An id without data is no event, but where a consumer goes on that has not seen one yet.
    yield `retry: ${retryMs}\nid: ${encodeCursor(reader.start)}\n\n`;
    for (let events = await reader.next(heartbeatMs); events !== null; events = await reader.next(heartbeatMs)) {
      // A key that is revoked ends what it began, within a heartbeat. Whoever connects again with it gets a 401.
      if (request.caller !== null && keys?.isStillValid(request.caller) === false) return;
      if (events.length === 0) yield ': nothing new\n\n';
      log.events += events.length;
      metrics.itemFeedEvents.inc(events.length);
      let text = '';
      for (const event of events) {
        text += textOf(event);
        if (text.length < CHUNK_LENGTH) continue;
        yield text;
        text = '';
      }
      if (text !== '') yield text;
    }
    yield `retry: ${drainRetryMs}\n\n`;
  } catch (error) {
    // Its message may quote what somebody posted.
    request.failure = new Error(`the feed failed: ${(error as Error).name}`, { cause: error });
    throw error;
  }
}

/** JSON has no line feeds, which would end the data. */
const textOf = ({ item, cursor }: FeedEvent): string =>
  `id: ${encodeCursor(cursor)}\nevent: item\ndata: ${JSON.stringify(item)}\n\n`;
