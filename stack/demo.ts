// npm run demo: a few contents, each posted many times at once without waiting, against a running stack; then what the
// service has recorded of them. Ends with exit code 1 unless each content is recorded once.
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { wholeNumber } from './up-flags.ts';

const HELP = `npm run demo -- [options]

  --url URL       the service (http://127.0.0.1:8080)
  --contents N    different contents, 1 to 1000 (5)
  --times N       how often each is posted, all at once, 1 to 1000 (40)
  --help          this text`;

type Item = { readonly id: string; readonly content: unknown };
type Answer = { readonly content: string; readonly status: number | null };

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const flags = parseFlags(process.argv.slice(2));
    if (flags === null) {
      console.log(HELP);
      return 0;
    }
    return await demo(flags.url, flags.contents, flags.times);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

function parseFlags(args: string[]): { url: string; contents: number; times: number } | null {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:8080' },
      contents: { type: 'string', default: '5' },
      times: { type: 'string', default: '40' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  if (!URL.canParse(values.url)) throw new Error(`--url is not a URL: "${values.url}".`);
  return {
    url: values.url.replace(/\/$/, ''),
    contents: wholeNumber('--contents', values.contents, 1, 1000),
    times: wholeNumber('--times', values.times, 1, 1000),
  };
}

async function demo(url: string, count: number, times: number): Promise<number> {
  await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => {
    throw new Error(`Nothing answers at ${url}: start the service with "npm run up", or say with --url where it is.`);
  });
  // Another text in every run, or the second run would find everything saved already.
  const run = randomBytes(3).toString('hex');
  const contents = Array.from({ length: count }, (_, i) => `demo ${run}, content ${i + 1}`);
  console.log(`Posting ${count} contents ${times} times each, all ${count * times} requests at once.\n`);
  const startedAtMs = performance.now();
  const requests = Array.from({ length: times }, () => contents.map((content) => post(url, content, startedAtMs)));
  const answers = await Promise.all(requests.flat());
  const recorded = await findRecorded(url, new Set(contents));
  return report(contents, answers, recorded);
}

async function post(url: string, content: string, startedAtMs: number): Promise<Answer> {
  const print = (status: string, text: string): void => {
    const ms = `${Math.round(performance.now() - startedAtMs)} ms`.padStart(8);
    console.log(`${ms}  ${status.padEnd(5)} ${content}: ${text}`);
  };
  try {
    const response = await fetch(`${url}/v1/items`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ content }),
      signal: AbortSignal.timeout(60_000),
    });
    const body = (await response.json()) as { id?: string; code?: string; item?: Item };
    const { id = body.item?.id } = body;
    print(`${response.status}`, [body.code, id].filter((part) => part !== undefined).join(' '));
    return { content, status: response.status };
  } catch (error) {
    print('-', error instanceof Error ? error.message : String(error));
    return { content, status: null };
  }
}

/** Asks for all items, newest first, and returns the ids of those with one of these contents. */
async function findRecorded(url: string, contents: ReadonlySet<string>): Promise<Map<string, string[]>> {
  const ids = new Map<string, string[]>();
  let cursor: string | null = null;
  do {
    const query = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const response = await fetch(`${url}/v1/items?limit=1000${query}`, { signal: AbortSignal.timeout(30_000) });
    if (!response.ok) throw new Error(`GET /v1/items answered ${response.status}: ${await response.text()}`);
    const page = (await response.json()) as { items: Item[]; nextCursor: string | null };
    for (const { id, content } of page.items) {
      if (typeof content === 'string' && contents.has(content)) ids.set(content, [...(ids.get(content) ?? []), id]);
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return ids;
}

function report(
  contents: readonly string[],
  answers: readonly Answer[],
  recorded: ReadonlyMap<string, readonly string[]>,
): number {
  console.log('\nRecorded, according to GET /v1/items:\n');
  let wrong = 0;
  for (const content of contents) {
    const ids = recorded.get(content) ?? [];
    if (ids.length !== 1) wrong++;
    const statuses = new Map<string, number>();
    for (const answer of answers) {
      if (answer.content !== content) continue;
      const status = `${answer.status ?? 'no answer'}`;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    const answered = [...statuses].map(([status, n]) => `${n} × ${status}`);
    console.log(
      `  ${content}: recorded ${ids.length} × (${ids.join(', ') || 'never'}), answered ${answered.join(', ')}`,
    );
  }
  console.log(wrong === 0 ? '\nEach content is recorded once.' : `\nWRONG: ${wrong} contents are not recorded once.`);
  return wrong === 0 ? 0 : 1;
}
