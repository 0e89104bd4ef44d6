// POST /v1/items: saves one item.
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { SaveOutcome } from '../items/pending-save.ts';
import { requestToken } from '../items/request-token.ts';
import type { SaveMetricOutcome } from '../observability/metrics.ts';
import { readContent } from './item-body.ts';
import { etagOf, pathOf } from './item-links.ts';
import { preferenceApplied, readPreferences } from './prefer.ts';
import { ProblemError } from './problems.ts';
import { readIdentity, type SaveDeps, saveRequest } from './save-request.ts';

/** Registers the route. */
export async function saveRoute(app: FastifyInstance, deps: SaveDeps): Promise<void> {
  const { metrics } = deps;
  app.post<{ Body: string | undefined }>(
    '/v1/items',
    {
      config: { statusCodes: [200, 201, 400, 409, 413, 415, 422, 500, 503, 507] },
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
      const wanted = saveRequest(readContent(request.body), identity.source, requestToken(identity), deps);
      const startedMs = deps.nowMs();
      let outcome: SaveMetricOutcome = 'failed';
      try {
        const result = await deps.save(wanted);
        outcome = result.kind === 'key_reused' ? 'rejected' : result.kind;
        return answerSave(result, readPreferences(request.headers).lenient, reply);
      } finally {
        request.saveLog = { outcome, digest: wanted.key.hex };
        metrics.itemSaves.inc({ outcome, mode: 'single' });
        metrics.itemSaveDuration.observe({ outcome }, (deps.nowMs() - startedMs) / 1_000);
      }
    },
  );
}

function answerSave(outcome: SaveOutcome, lenient: boolean, reply: FastifyReply): FastifyReply {
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
      if (lenient) {
        const applied = preferenceApplied({ lenient, minimal: false });
        return reply
          .code(200)
          .headers({ location: pathOf(item), etag: etagOf(item), 'preference-applied': applied })
          .send(item);
      }
      throw new ProblemError('duplicate-item', 'this content is saved already', {
        headers: { location: pathOf(item) },
        members: { item },
      });
    }
    case 'in_progress':
      throw new ProblemError('save-in-progress', 'another request is saving this content');
    case 'key_reused':
      throw new ProblemError('idempotency-key-reused', 'this Idempotency-Key was used for another content');
  }
}
