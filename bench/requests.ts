// The requests of a job, one after the other, ready to be written to a connection.
import type { LoadJob, Work } from './load-job.ts';

/** A content comes again when this many others have been posted since: late enough for it to be saved and not in flight. */
const REPEAT_BEHIND = 1_024;

type Save = Extract<Work, { kind: 'save' }>;

/** The contents of a job, in order: letters, digits and hyphens, so that they have as many bytes as characters. */
export function contentsOf({ contents, contentBytes }: Omit<Save, 'kind'>, seed: string): () => string {
  const filling = 'abcdefghijklmnop'.repeat(contentBytes / 16 + 1);
  // Never cut: a shorter content would be another one's, too.
  const content = (i: number): string => {
    const name = `${seed}-${i}-`;
    return name + filling.slice(0, Math.max(0, contentBytes - name.length));
  };
  let n = 0;
  switch (contents) {
    case 'unique':
      return () => content(n++);
    case 'half':
      return () => content(n++ % 2 === 0 ? n : Math.max(1, (n - REPEAT_BEHIND) | 1));
    case 'hot':
      return () => content(0);
  }
}

export function requestsOf({ work, url, seed }: LoadJob): () => string {
  const { host } = new URL(url);
  if (work.kind === 'read') {
    const requests = work.paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    let n = 0;
    return () => requests[n++ % requests.length] ?? '';
  }
  const post = (path: string, body: string): string =>
    `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const { contentBytes } = work;
  const next = contentsOf({ contents: work.kind === 'batch' ? 'unique' : work.contents, contentBytes }, seed);
  const item = (): string => `{"content":"${next()}"}`;
  if (work.kind === 'save') return () => post('/v1/items', item());
  return () => post('/v1/items/batch', `{"items":[${Array.from({ length: work.items }, item).join(',')}]}`);
}
