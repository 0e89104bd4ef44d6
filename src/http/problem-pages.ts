// A short page for each problem, at the address that its `type` names.
import type { FastifyInstance } from 'fastify';
import { PROBLEMS, type ProblemCode, ProblemError } from './problems.ts';

/** Registers /problems/{slug}. */
export async function problemPages(app: FastifyInstance): Promise<void> {
  app.get<{ Params: { slug: string } }>(
    '/problems/:slug',
    { config: { statusCodes: [200, 404] } },
    async (request, reply) => {
      const { slug } = request.params;
      if (!isProblem(slug)) throw new ProblemError('not-found', 'no problem has this name');
      return reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
        .header('cache-control', 'public, max-age=3600')
        .send(pageOf(slug));
    },
  );
}

function isProblem(slug: string): slug is ProblemCode {
  return Object.hasOwn(PROBLEMS, slug);
}

function pageOf(slug: ProblemCode): string {
  const { status, title, advice } = PROBLEMS[slug];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }</style>
<h1>${title}</h1>
<p><code>${slug}</code>, status ${status}</p>
<p>${advice}</p>
</html>
`;
}
