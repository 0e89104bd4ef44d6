// The command line of `npm run up`.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const UP_HELP = `npm run up -- [options]

Starts the whole system as local processes on 127.0.0.1 and stops it on Ctrl-C.

  --instances N   instances of the service, 1 to 16 (2)
  --port P        port of nginx, 1 to 65535 (8080)
  --keep DIR      keep data and logs there, and go on with them at the next start
  --help          this text`;

export type UpFlags = {
  readonly instances: number;
  readonly port: number;
  readonly keep: string | undefined;
  readonly help: boolean;
};

/** Throws an error with one clear sentence for what it does not understand. */
export function parseUpFlags(args: readonly string[]): UpFlags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      instances: { type: 'string', default: '2' },
      port: { type: 'string', default: '8080' },
      keep: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return {
    instances: wholeNumber('--instances', values.instances, 1, 16),
    port: wholeNumber('--port', values.port, 1, 65_535),
    keep: values.keep === undefined ? undefined : resolve(values.keep),
    help: values.help,
  };
}

/** Reads a whole number within bounds; throws an error that names the flag. */
export function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new Error(`${flag} must be a whole number from ${min} to ${max}, not "${text}".`);
}
