// items export and tail: items as they are stored, and as they come.
import { type FileHandle, open } from 'node:fs/promises';
import type { Item } from '../contract.ts';
import { type Command, type Context, EXIT, textOf, UsageError } from './command.ts';

export const exportItems: Command = {
  summary: 'Prints every item, oldest first, one JSON object a line.',
  usage: '[options]',
  help: `  --out FILE          write to a file; with --after at its end
  --after CURSOR      go on where an earlier export said it stopped
  --content-only      {"content": …} a line, as "items import" takes it`,
  options: { out: { type: 'string' }, after: { type: 'string' }, 'content-only': { type: 'boolean', default: false } },
  deadlineSeconds: 120,
  async run(context) {
    const { client, output, signal, values, positionals } = context;
    if (positionals.length > 0) throw new UsageError('items export takes no arguments; --out names a file.');
    const path = textOf(values, 'out');
    let cursor = textOf(values, 'after');
    await using file = path === undefined ? null : await open(path, cursor === undefined ? 'w' : 'a');
    let count = 0;
    try {
      for await (const { items, nextCursor } of client.list({ signal, ...(cursor === undefined ? {} : { cursor }) })) {
        const lines = items.map((item) => JSON.stringify(values['content-only'] === true ? onlyContent(item) : item));
        if (lines.length > 0) await write(context, file, lines.join('\n'));
        count += items.length;
        cursor = nextCursor ?? cursor;
      }
    } catch (error) {
      if (cursor !== undefined) output.say(`Stopped. Go on with: --after ${cursor}`);
      throw error;
    }
    await file?.sync();
    if (path !== undefined) output.say(`${count} items written to ${path}.`);
    return EXIT.ok;
  },
};

export const tail: Command = {
  summary: 'Prints items as they are saved, one JSON object a line, until Ctrl-C. Goes on through every break.',
  usage: '[options]',
  help: `  --after CURSOR      begin behind this position
  --from-start        begin with the first item there is
                      --json: {"cursor": …, "item": …} a line`,
  options: { after: { type: 'string' }, 'from-start': { type: 'boolean', default: false } },
  deadlineSeconds: 60,
  async run({ client, output, signal, values, positionals }) {
    if (positionals.length > 0) throw new UsageError('items tail takes no arguments.');
    const given = textOf(values, 'after');
    const fromStart = values['from-start'] === true;
    if (given !== undefined && fromStart) throw new UsageError('Give --after or --from-start, not both.');
    const after = given ?? (fromStart ? undefined : 'latest');
    const onInterruption = (error: Error): void => output.say(`${error.message}; connecting again.`);
    let last: string | undefined;
    try {
      for await (const entry of client.feed({ signal, onInterruption, ...(after === undefined ? {} : { after }) })) {
        await output.json(output.isJson ? entry : entry.item);
        last = entry.cursor;
      }
    } finally {
      if (last !== undefined) output.say(`Go on with: --after ${last}`);
    }
    return EXIT.ok;
  },
};

const onlyContent = ({ content }: Item): Pick<Item, 'content'> => ({ content });

async function write({ output }: Context, file: FileHandle | null, lines: string): Promise<void> {
  if (file === null) return await output.line(lines);
  const { size } = await file.stat();
  try {
    await file.appendFile(`${lines}\n`);
  } catch (error) {
    // Half a page would stand before the same page when the export goes on. A device cannot be cut.
    await file.truncate(size).catch(() => {});
    throw error;
  }
}
