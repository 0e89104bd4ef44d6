// A short page for each problem, at the address that its `type` names, and one that lists them.
import type { FastifyInstance } from 'fastify';
import { type FixedAnswer, fixedAnswer, HTML } from './fixed-answer.ts';
import { PROBLEMS, type ProblemCode, ProblemError } from './problems.ts';

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
  'cache-control': 'public, max-age=3600',
};
const STATUS_CODES = [200, 304];

/** Registers /problems and /problems/{slug}. */
export async function problemPages(app: FastifyInstance): Promise<void> {
  const codes = Object.keys(PROBLEMS) as ProblemCode[];
  app.get('/problems', { config: { statusCodes: STATUS_CODES } }, fixedAnswer(HTML, indexOf(codes), HEADERS));
  const pages = new Map<string, FixedAnswer>(codes.map((code) => [code, fixedAnswer(HTML, pageOf(code), HEADERS)]));
  app.get<{ Params: { slug: string } }>(
    '/problems/:slug',
    { config: { statusCodes: [...STATUS_CODES, 404, 429] } },
    (request, reply) => {
      const answer = pages.get(request.params.slug);
      if (answer === undefined) throw new ProblemError('not-found', 'no problem has this name');
      return answer(request, reply);
    },
  );
}

function pageOf(code: ProblemCode): string {
  const { status, title, advice } = PROBLEMS[code];
  const text = `<p><code>${code}</code>, status ${status}</p>\n<p>${advice}</p>\n<p><a href="/problems">All problems</a></p>`;
  return pageWith(title, text);
}

function indexOf(codes: readonly ProblemCode[]): string {
  const rows = codes.map((code) => {
    const { status, title } = PROBLEMS[code];
    return `<tr><td>${status}<td><a href="/problems/${code}"><code>${code}</code></a><td>${title}`;
  });
  return pageWith('Problems', `<table>\n${rows.join('\n')}\n</table>`);
}

function pageWith(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem } td { padding-right: 1rem }</style>
<h1>${title}</h1>
${content}
</html>
`;
}
