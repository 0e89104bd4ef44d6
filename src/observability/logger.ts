// The process's logger: JSON lines, on standard output unless told otherwise.
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';

export type { Logger };

/**
 * Levels: fatal ends the process; error needs a person; warn is a fault that the service rides out; info is one line for
 * each request and each change of state. Nothing that a client posted and no secret is ever passed to it.
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // A second fence behind the rule above: an error object may carry the request's headers along.
    redact: ['*.authorization', '*.headers.authorization', '*.password', 'err.command.args'],
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
