// The process's logger: JSON lines, on standard output unless told otherwise.
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import { LineGatherer } from './line-gatherer.ts';

export type { Logger };

let textMs = 0;
let text = '';

/** pino's own `isoTime`, which makes a date for each line: 1.06 of its 4.1 µs, and lines of the same millisecond are many. */
function isoTime(): string {
  const nowMs = Date.now();
  if (nowMs !== textMs) {
    textMs = nowMs;
    text = `,"time":"${new Date(nowMs).toISOString()}"`;
  }
  return text;
}

/**
 * Levels: fatal ends the process; error needs a person; warn is a fault that the service rides out; info is one line for
 * each request and each change of state. Nothing that a client posted and no secret is ever passed to it. Lines on standard
 * output are gathered for a moment, see `LineGatherer`: who ends the process calls `flush` of the logger first.
 */
export function createLogger(
  level: string,
  destination: DestinationStream = new LineGatherer(pino.destination({ dest: 1, sync: true })),
): Logger {
  const options: LoggerOptions = {
    level,
    base: { pid: process.pid },
    timestamp: isoTime,
    formatters: { level: (label) => ({ level: label }), log: withKnownFields },
    // In place of pino's own, which adds all that an error carries.
    serializers: { err: (fields: unknown) => fields },
  };
  return pino(options, destination);
}

/**
 * Logs fields that hold nothing but text and numbers of ours, at level info. The same line as by `logger.info`, which
 * looks at each field by itself: 22 µs of the 97 that a whole post took (bench/peers/http-only.ts).
 */
export function logPlain(logger: Logger, fields: Readonly<Record<string, unknown>> & { readonly msg: string }): void {
  if (!logger.isLevelEnabled('info')) return;
  const { [pino.symbols.streamSym]: out } = logger as unknown as Record<symbol, DestinationStream>;
  out?.write(`{"level":"info"${isoTime()},"pid":${process.pid},${JSON.stringify(fields).slice(1)}\n`);
}

/**
 * A second fence behind the rule above: an object may carry anything along, as an error does the request's headers or the
 * arguments of a command. So of an error the fields that are known are logged, and of any other object nothing.
 */
function withKnownFields(fields: Record<string, unknown>): Record<string, unknown> {
  for (const name in fields) {
    if (typeof fields[name] === 'object' && fields[name] !== null) {
      return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, known(value)]));
    }
  }
  return fields;
}

function known(value: unknown): unknown {
  if (value instanceof Error) return knownOfError(value);
  return typeof value === 'object' && value !== null ? '[object]' : value;
}

function knownOfError(error: Error): Record<string, unknown> {
  // Message and stack with those of the causes.
  const { type, message, stack } = pino.stdSerializers.err(error);
  const { code, command, errors } = error as { code?: unknown; command?: { name?: unknown }; errors?: unknown };
  return {
    type,
    message,
    stack,
    code: textOnly(code),
    command: textOnly(command?.name),
    aggregateErrors: Array.isArray(errors) ? errors.map(known) : undefined,
  };
}

const textOnly = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
