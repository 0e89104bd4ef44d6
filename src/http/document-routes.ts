// GET /openapi.json: the document, and GET /docs: the page that shows it, from this host alone.
import type { FastifyInstance } from 'fastify';
import { fixedAnswer, HTML, JSON_TYPE } from './fixed-answer.ts';
import { openApiDocument } from './openapi/document.ts';

/** The files of Swagger UI that the page needs, by name. */
export type DocsAssets = {
  readonly 'swagger-ui.css': Buffer;
  readonly 'swagger-ui-bundle.js': Buffer;
  readonly 'favicon-32x32.png': Buffer;
};

export type DocumentDeps = { readonly version: string; readonly docsAssets: DocsAssets };

// No inline script and nothing from elsewhere. Swagger UI sets styles from its script, which style-src does not hold;
// its pictures are data: addresses in the style sheet.
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  link: '</openapi.json>; rel="service-desc"',
};

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Item integration</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
`;

// validatorUrl: by default the document's address would be sent to swagger.io.
const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#page',
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
});
`;

/** Registers the routes. Throws when the document cannot be made from the schemas. */
export async function documentRoutes(app: FastifyInstance, { version, docsAssets }: DocumentDeps): Promise<void> {
  const script = 'text/javascript; charset=utf-8';
  const answers = {
    '/openapi.json': fixedAnswer(JSON_TYPE, JSON.stringify(openApiDocument(version)), {
      link: '</docs>; rel="service-doc"',
    }),
    '/docs': fixedAnswer(HTML, PAGE, PAGE_HEADERS),
    '/docs/start.js': fixedAnswer(script, START),
    '/docs/swagger-ui.css': fixedAnswer('text/css; charset=utf-8', docsAssets['swagger-ui.css']),
    '/docs/swagger-ui-bundle.js': fixedAnswer(script, docsAssets['swagger-ui-bundle.js']),
    '/docs/favicon-32x32.png': fixedAnswer('image/png', docsAssets['favicon-32x32.png']),
  };
  for (const [url, answer] of Object.entries(answers))
    app.get(url, { config: { statusCodes: [200, 304, 429] } }, answer);
}
