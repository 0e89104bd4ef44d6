// items post, find, get, delete and stats: one request each.
import { readFile, stat } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { type Command, type Context, EXIT, onlyArgument, textOf, UsageError } from './command.ts';

/** The service takes no larger body, so there is no use in reading one. */
const MAX_FILE_BYTES = 409_600;

const CONTENT_USAGE = '(CONTENT | --file FILE | --json-content JSON)';
const CONTENT_HELP = `  --file FILE         the text of a file, byte for byte
  --json-content JSON an object or array`;
const CONTENT_OPTIONS = { file: { type: 'string' }, 'json-content': { type: 'string' } } as const;

export const post: Command = {
  summary: 'Saves a content. A duplicate is a success: its item is the original.',
  usage: `${CONTENT_USAGE} [options]`,
  help: `${CONTENT_HELP}\n  --key KEY           Idempotency-Key: a call with the same key is the same request`,
  options: { ...CONTENT_OPTIONS, key: { type: 'string' } },
  deadlineSeconds: 60,
  async run(context) {
    const { client, output, signal, values } = context;
    const key = textOf(values, 'key');
    const call = { signal, ...(key === undefined ? {} : { idempotencyKey: key }) };
    const { kind, item } = await client.postBody(await bodyOf(context), call);
    await output.json(output.isJson ? { outcome: kind, item } : item);
    if (!output.isJson) output.say(kind);
    return EXIT.ok;
  },
};

export const find: Command = {
  summary: 'Finds the item with a content, and says what the service takes the content for.',
  usage: `${CONTENT_USAGE} [options]`,
  help: CONTENT_HELP,
  options: CONTENT_OPTIONS,
  deadlineSeconds: 60,
  async run(context) {
    const { client, output, signal } = context;
    const found = await client.lookupBody(await bodyOf(context), { signal });
    const { item, kind, canonical, sha256 } = found;
    if (output.isJson) await output.json(found);
    else if (item !== null) await output.json(item);
    else output.say(`No item has this content: ${kind} ${canonical}\nSHA-256 ${sha256}`);
    return item === null ? EXIT.notFound : EXIT.ok;
  },
};

export const get: Command = {
  summary: 'Prints an item.',
  usage: 'ID [options]',
  help: '',
  options: {},
  deadlineSeconds: 60,
  async run(context) {
    const id = onlyArgument(context, 'ID');
    const item = await context.client.get(id, { signal: context.signal });
    if (item === null) return notFound(context, id);
    await context.output.json(item);
    return EXIT.ok;
  },
};

export const erase: Command = {
  summary: 'Erases an item for good. Its content can be saved anew.',
  usage: 'ID --yes [options]',
  help: '  --yes               it is meant',
  options: { yes: { type: 'boolean', default: false } },
  deadlineSeconds: 60,
  async run(context) {
    const id = onlyArgument(context, 'ID');
    if (context.values['yes'] !== true) throw new UsageError('An item is erased for good; say --yes if it is meant.');
    if (!(await context.client.delete(id, { signal: context.signal }))) return notFound(context, id);
    if (context.output.isJson) await context.output.json({ id, deleted: true });
    else context.output.say(`Erased ${id}.`);
    return EXIT.ok;
  },
};

export const stats: Command = {
  summary: 'Prints the totals since the beginning.',
  usage: '[options]',
  help: '',
  options: {},
  deadlineSeconds: 60,
  async run({ client, output, signal, positionals }) {
    if (positionals.length > 0) throw new UsageError('items stats takes no arguments.');
    const totals = await client.stats({ signal });
    if (output.isJson) await output.json(totals);
    else for (const [name, value] of Object.entries(totals)) await output.line(`${name.padEnd(12)}${value}`);
    return EXIT.ok;
  },
};

function notFound({ output }: Context, id: string): number {
  output.say(`There is no item ${id}.`);
  return EXIT.notFound;
}

/** The request body with the content that the command line names. JSON is passed on as it is written. */
async function bodyOf(context: Context): Promise<string> {
  const { values, positionals } = context;
  const file = textOf(values, 'file');
  const json = textOf(values, 'json-content');
  const given = [file, json, ...positionals].filter((value) => value !== undefined);
  if (given.length !== 1) throw new UsageError('Give one of CONTENT, --file and --json-content.');
  if (json !== undefined) {
    try {
      JSON.parse(json);
    } catch {
      throw new UsageError('--json-content is not JSON.');
    }
    return `{"content":${json}}`;
  }
  return JSON.stringify({ content: file === undefined ? positionals[0] : await fileText(file) });
}

async function fileText(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > MAX_FILE_BYTES) throw new UsageError(`${path} has more than ${MAX_FILE_BYTES} bytes.`);
  const bytes = await readFile(path);
  if (!isUtf8(bytes)) throw new UsageError(`${path} is not UTF-8.`);
  return bytes.toString();
}
