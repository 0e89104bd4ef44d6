// Reads what the page of the API is made of: the files of Swagger UI, out of its package.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { DocsAssets } from './http/document-routes.ts';

/** The files, about 1.9 MB. Throws when the package is not installed. */
export function readDocsAssets(): DocsAssets {
  const require = createRequire(import.meta.url);
  const read = (name: keyof DocsAssets): Buffer => readFileSync(require.resolve(`swagger-ui-dist/${name}`));
  return {
    'swagger-ui.css': read('swagger-ui.css'),
    'swagger-ui-bundle.js': read('swagger-ui-bundle.js'),
    'favicon-32x32.png': read('favicon-32x32.png'),
  };
}
