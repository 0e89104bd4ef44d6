// POST /v1/items: saves one item.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SaveOutcome } from '../items/pending-save.ts';
import { requestToken } from '../items/request-token.ts';
import type { SaveMetricOutcome } from '../observability/metrics.ts';
import { auditSave } from './audit.ts';
import { readContent } from './item-body.ts';
import { etagOf, pathOf } from './item-links.ts';
import { preferenceApplied, readPreferences } from './prefer.ts';
import { ProblemError, sendProblem } from './problems.ts';
import { saveTraceOf } from './request-trace.ts';
import { readIdentity, type SaveDeps, saveRequest } from './save-request.ts';

/** Registers the route. */
export async function saveRoute(app: FastifyInstance, deps: SaveDeps): Promise<void> {
  const { metrics } = deps;
  app.post<{ Body: string | undefined }>(
    '/v1/items',
    {
      config: { scope: 'items:write', statusCodes: [200, 201, 400, 401, 403, 409, 413, 415, 422, 429, 500, 503, 507] },
      errorHandler(error, request) {
        // Whatever goes wrong before there is a save is wrong with the request.
        if (request.saveLog === null) {
          request.saveLog = { outcome: 'invalid' };
          metrics.itemSaves.inc({ outcome: 'invalid', mode: 'single' });
        }
        throw error;
      },
    },
    async (request, reply) => {
      const identity = readIdentity(request, deps);
      const content = readContent(request.body);
      const wanted = saveRequest(content, identity.source, requestToken(identity), deps, saveTraceOf(request));
      const startedMs = deps.nowMs();
      let outcome: SaveMetricOutcome = 'failed';
      let result: SaveOutcome | undefined;
      try {
        result = await deps.save(wanted);
        outcome = result.kind === 'key_reused' ? 'rejected' : result.kind;
      } finally {
        request.trace?.saved();
        request.saveLog = { outcome, digest: wanted.key.hex };
        auditSave(deps.auditLog, request, { digest: wanted.key.hex, outcome, result });
        metrics.itemSaves.inc({ outcome, mode: 'single' });
        const seconds = (deps.nowMs() - startedMs) / 1_000;
        metrics.itemSaveDuration.observe({ outcome }, seconds, request.trace?.keptTraceId);
      }
      return answerSave(result, request, reply);
    },
  );
}

/** A duplicate is as usual as a new item, so it is not thrown: a 409 that was took 1.3 times the CPU, for its stack and its way through the framework. */
function answerSave(outcome: SaveOutcome, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  switch (outcome.kind) {
    case 'saved':
    case 'replayed': {
      const { item } = outcome;
      if (outcome.kind === 'replayed') void reply.header('idempotent-replayed', 'true');
      return reply
        .code(201)
        .headers({ location: pathOf(item), etag: etagOf(item) })
        .send(item);
    }
    case 'duplicate': {
      const { item } = outcome;
      if (readPreferences(request.headers).lenient) {
        const applied = preferenceApplied({ lenient: true, minimal: false });
        return reply
          .code(200)
          .headers({ location: pathOf(item), etag: etagOf(item), 'preference-applied': applied })
          .send(item);
      }
      return sendProblem(request, reply, {
        code: 'duplicate-item',
        message: 'this content is saved already',
        extras: { headers: { location: pathOf(item) }, members: { item } },
      });
    }
    case 'in_progress':
      throw new ProblemError('save-in-progress', 'another request is saving this content');
    case 'key_reused':
      throw new ProblemError('idempotency-key-reused', 'this Idempotency-Key was used for another content');
  }
}
