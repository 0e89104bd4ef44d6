// POST /v1/items/batch: saves many items, as one JSON body or as a stream of lines.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceFailure } from '../items/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { Readiness } from '../observability/readiness.ts';
import type { BatchAdmission } from './batch-admission.ts';
import { readBatch } from './batch-body.ts';
import type { BatchResult } from './batch-result.ts';
import { BatchSave } from './batch-save.ts';
import { MAX_BATCH_BODY_BYTES } from './limits.ts';
import { beginExchange, cutOff, NDJSON } from './ndjson-answer.ts';
import type { NdjsonExchange } from './ndjson-exchange.ts';
import { preferenceApplied, readPreferences } from './prefer.ts';
import { ProblemError } from './problems.ts';
import { recordRequest } from './request-log.ts';
import type { SaveDeps } from './save-request.ts';
import { batchQuery } from './schemas/queries.ts';
import { parseQuery } from './validation.ts';

export type BatchDeps = SaveDeps & {
  readonly logger: Logger;
  readonly readiness: Pick<Readiness, 'isDraining'>;
  /** One for all that take batches from the same queue. */
  readonly admission: BatchAdmission;
};

/** What stands for the body of a request whose lines are not read yet. */
const UNREAD = Symbol('unread');
type Body = string | undefined | typeof UNREAD;

/** Registers the route. */
export async function batchRoute(app: FastifyInstance, deps: BatchDeps): Promise<void> {
  const { admission } = deps;
  const exchanges = new Set<NdjsonExchange>();
  app.addContentTypeParser(NDJSON, (_request, _body, done) => done(null, UNREAD));
  // Before the server stops: it waits for its requests, and a stream has no end that it could wait for.
  app.addHook('preClose', async () => {
    for (const exchange of exchanges) exchange.stop();
    await Promise.all([...exchanges].map(({ over }) => over));
  });
  app.post<{ Body: Body }>(
    '/v1/items/batch',
    {
      bodyLimit: MAX_BATCH_BODY_BYTES,
      config: { scope: 'items:write', statusCodes: [200, 207, 400, 401, 403, 413, 415, 422, 429, 500, 503] },
      onRequest: async (request, reply) => {
        if (isNdjson(request)) return;
        const bytes = Number(request.headers['content-length'] ?? MAX_BATCH_BODY_BYTES);
        // More than the limit is refused unread.
        reply.raw.once('close', admission.admitBody(Math.min(bytes, MAX_BATCH_BODY_BYTES)));
      },
      errorHandler(error, request, reply) {
        if (request.saveLog === null && !(error instanceof ServiceFailure)) {
          request.saveLog = { outcome: 'invalid' };
          deps.metrics.itemSaves.inc({ outcome: 'invalid', mode: isNdjson(request) ? 'stream' : 'batch' });
        }
        void reply.removeHeader('preference-applied');
        throw batchProblem(error);
      },
    },
    async (request, reply) => {
      const mode = request.body === UNREAD ? 'stream' : 'batch';
      const form = readPreferences(request.headers);
      const { first } = parseQuery(batchQuery, request.query);
      const items = new BatchSave(request, deps, { mode, form, first });
      const applied = preferenceApplied(form);
      if (applied !== '') void reply.header('preference-applied', applied);
      if (request.body !== UNREAD) return answerBatch(request, reply, request.body, items, admission.batchWindow);
      refuseEncoding(request);
      if (deps.readiness.isDraining) throw new ServiceFailure('draining', 'no stream is begun during a shutdown');
      const leave = admission.admitStream();
      const exchange = beginExchange(request, reply, items, () => admission.streamLimits);
      request.isRecordedByRoute = true;
      exchanges.add(exchange);
      const end = await exchange.over;
      exchanges.delete(exchange);
      leave();
      request.saveLog = { mode, end, ...items.tally.counts };
      request.failure = items.bug;
      recordRequest(request, reply, deps.logger, deps.metrics);
      if (end === 'complete') reply.raw.end();
      else cutOff(request, reply, end);
      return reply;
    },
  );
}

async function answerBatch(
  request: FastifyRequest,
  reply: FastifyReply,
  text: string | undefined,
  items: BatchSave,
  window: number,
): Promise<FastifyReply> {
  const reads = readBatch(text);
  const results: BatchResult[] = [];
  while (results.length < reads.length) {
    const first = results.length;
    const part = reads
      .slice(first, first + window)
      .map((read, i) => new Promise<BatchResult>((done) => items.save(read, first + i, done)));
    results.push(...(await Promise.all(part)));
  }
  const { counts } = items.tally;
  request.saveLog = { mode: 'batch', ...counts };
  request.failure = items.bug;
  return reply.code(counts.failed === 0 ? 200 : 207).send({ results, ...counts });
}

function isNdjson({ headers }: FastifyRequest): boolean {
  return headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === NDJSON;
}

function refuseEncoding({ headers }: FastifyRequest): void {
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new ProblemError('unsupported-media-type', 'the body must not have a content encoding');
  }
}

/** What this address takes is more than what the others do. */
function batchProblem(error: FastifyError): Error {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ProblemError(
        'payload-too-large',
        `the body must have at most ${MAX_BATCH_BODY_BYTES} bytes; more can be sent as ${NDJSON}`,
      );
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ProblemError('unsupported-media-type', `the body must be application/json or ${NDJSON}`);
    default:
      return error;
  }
}
