// What the routes write into the audit log.
import type { FastifyRequest } from 'fastify';
import type { SaveOutcome } from '../items/pending-save.ts';
import type { AuditEvent, AuditLog } from '../observability/audit-log.ts';

type What = Omit<AuditEvent, 'requestId' | 'address' | 'client' | 'keyId'>;

/** Records what a request did. `log` is null where no audit log is kept. */
export function audit(log: AuditLog | null, request: FastifyRequest, what: What): void {
  if (log === null) return;
  const { caller, id: requestId, ip: address } = request;
  log.record({ ...what, requestId, address, client: caller?.client, keyId: caller?.keyId });
}

/** Records a save; `result` is undefined when it failed. */
export function auditSave(
  log: AuditLog | null,
  request: FastifyRequest,
  { digest, outcome, result }: { digest: string; outcome: string; result: SaveOutcome | undefined },
): void {
  if (log === null) return;
  const itemId = result !== undefined && 'item' in result ? result.item.id : undefined;
  audit(log, request, { event: 'save', outcome, digest, itemId });
}
