#!/usr/bin/env node
// The items command: reads the command line and the environment, runs one command, ends with its exit code.
import { ProblemError, UnreachableError } from '../errors.ts';
import { ItemsClient } from '../items-client.ts';
import { type Command, type Context, EXIT, helpOf, Interrupted, readArguments, textOf, UsageError } from './command.ts';
import { exportItems, tail } from './flow-commands.ts';
import { importItems } from './import-command.ts';
import { erase, find, get, post, stats } from './item-commands.ts';
import { Output } from './output.ts';

const COMMANDS: Readonly<Record<string, Command>> = {
  import: importItems,
  export: exportItems,
  post,
  get,
  find,
  delete: erase,
  tail,
  stats,
};
const MAX_DEADLINE_SECONDS = 86_400;

const HELP = `items COMMAND [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(9)} ${summary}`)
  .join('\n')}

"items COMMAND --help" says more. ITEMS_URL names the service (http://localhost:8080), ITEMS_API_KEY a key for it.

Exit codes: 0 done, 1 some lines were not saved or something unexpected happened, 2 not understood,
3 the service could not be reached or was unavailable, 4 no such item, 5 refused by the service, 130 interrupted`;

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever read our output has seen enough, as "items export | head" does.
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
});
// Nobody reads what is said to people: no reason to give up what is being done.
process.stderr.on('error', () => {});
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort(new Interrupted('interrupted'));
  });
}
process.exitCode = await main(process.argv.slice(2));
// A line of standard input that never comes, or a connection kept for a next request, must not keep us.
process.stdin.destroy();
if (stop.signal.aborted) process.exit();

async function main([name, ...args]: string[]): Promise<number> {
  try {
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      await new Output(false).line(HELP);
      return name === undefined ? EXIT.usage : EXIT.ok;
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) throw new UsageError(`There is no command "${name}"; "items --help" shows them.`);
    return await run(name, command, args);
  } catch (error) {
    return explain(error);
  }
}

async function run(name: string, command: Command, args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(command, args);
  const output = new Output(values['json'] === true);
  if (values['help'] === true) {
    await output.line(helpOf(name, command));
    return EXIT.ok;
  }
  const url = textOf(values, 'url') ?? process.env['ITEMS_URL'] ?? 'http://localhost:8080';
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new UsageError(`--url is not an http URL: "${url}".`);
  const apiKey = process.env['ITEMS_API_KEY'];
  const client = new ItemsClient({
    baseUrl: url,
    ...(apiKey === undefined ? {} : { apiKey }),
    retry: { deadlineMs: deadlineOf(textOf(values, 'deadline'), command.deadlineSeconds) * 1_000 },
  });
  const context: Context = { client, url, values, positionals, output, signal: stop.signal };
  return await command.run(context);
}

function deadlineOf(text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault;
  const seconds = /^\d+$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= MAX_DEADLINE_SECONDS) return seconds;
  throw new UsageError(`--deadline must be a whole number from 1 to ${MAX_DEADLINE_SECONDS}, not "${text}".`);
}

/** Says in one line what went wrong, and as an exit code what to do about it. */
function explain(error: unknown): number {
  if (error instanceof Interrupted) return EXIT.interrupted;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`items: ${message}\n`);
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof UnreachableError) return EXIT.unavailable;
  if (!(error instanceof ProblemError)) return EXIT.failed;
  for (const { pointer, parameter, detail } of error.errors) {
    process.stderr.write(`  ${pointer ?? parameter ?? ''} ${detail}\n`);
  }
  process.stderr.write(`  ${error.status} ${error.code}, request ${error.requestId ?? 'unknown'}\n`);
  return error.status >= 500 || error.status === 429 ? EXIT.unavailable : EXIT.refused;
}
