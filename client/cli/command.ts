// What a command of the command line is, and how one ends.
import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { ItemsClient } from '../items-client.ts';
import type { Output } from './output.ts';

/** What scripts may rely on. */
export const EXIT = {
  ok: 0,
  /** Some lines of an import were not saved, or something unexpected happened. */
  failed: 1,
  usage: 2,
  /** No answer, or 5xx, until the deadline. The same command may be run again. */
  unavailable: 3,
  notFound: 4,
  /** The service refused the request (4xx). */
  refused: 5,
  interrupted: 130,
} as const;

/** The command line was not understood; the message says how to mend it. */
export class UsageError extends Error {}

/** Ctrl-C, or SIGTERM. */
export class Interrupted extends Error {}

export type Options = NonNullable<ParseArgsConfig['options']>;
export type Values = Readonly<Record<string, string | boolean | undefined>>;

export type Context = {
  readonly client: ItemsClient;
  readonly url: string;
  readonly values: Values;
  readonly positionals: readonly string[];
  readonly output: Output;
  readonly signal: AbortSignal;
};

export type Command = {
  readonly summary: string;
  /** Behind `items <name> `. */
  readonly usage: string;
  readonly help: string;
  readonly options: Options;
  /** How long the client goes on without success. */
  readonly deadlineSeconds: number;
  /** Returns the exit code. */
  readonly run: (context: Context) => Promise<number>;
};

const COMMON: Options = {
  url: { type: 'string' },
  json: { type: 'boolean', default: false },
  deadline: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
};

const COMMON_HELP = `  --url URL           the service (ITEMS_URL, or http://localhost:8080)
  --json              machine output
  --deadline SECONDS  give up when nothing succeeded for so long
  --help              this text`;

/** Reads a command's arguments. Throws a `UsageError`. */
export function readArguments(command: Command, args: readonly string[]): { values: Values; positionals: string[] } {
  try {
    const options = { ...COMMON, ...command.options };
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { values: values as Values, positionals };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

export function helpOf(name: string, { usage, summary, help }: Command): string {
  const own = help === '' ? '' : `${help}\n`;
  return `items ${name} ${usage}\n\n${summary}\n\n${own}${COMMON_HELP}`;
}

/** The one argument of a command. Throws a `UsageError` when there are none or several. */
export function onlyArgument({ positionals }: Context, name: string): string {
  const [value, ...others] = positionals;
  if (value === undefined || others.length > 0) throw new UsageError(`${name} must be given, once.`);
  return value;
}

/** The value of an option that takes one. */
export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}
