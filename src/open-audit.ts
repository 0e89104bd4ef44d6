// Opens the audit log that the settings name.
import { type Config, ConfigError } from './config.ts';
import { type AuditLog, openAuditLog } from './observability/audit-log.ts';
import type { Logger } from './observability/logger.ts';
import type { Metrics } from './observability/metrics.ts';

/** The log, or null where none is asked for. Throws `ConfigError` when the file cannot be written. */
export function openAudit({ AUDIT_LOG: path }: Config, metrics: Metrics, logger: Logger): AuditLog | null {
  if (path === undefined) return null;
  try {
    return openAuditLog(path, {
      lost: () => metrics.auditLinesLost.inc(),
      failed: (error) =>
        logger.error({ reason: (error as NodeJS.ErrnoException).code }, 'the audit log cannot be written'),
    });
  } catch (error) {
    throw new ConfigError(`AUDIT_LOG cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`);
  }
}
