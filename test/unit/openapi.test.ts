// The OpenAPI document: the committed copy is it, a linter finds nothing, and it names every address there is.
import { readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { afterAll, describe, expect, test } from 'vitest';
import { openApiDocument } from '../../src/http/openapi/document.ts';
import { PROBLEMS } from '../../src/http/problems.ts';
import { createTestApp } from '../support/test-app.ts';

const ROOT = new URL('../../', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { version: string };
const document = openApiDocument(version);
const service = await createTestApp({ version });
afterAll(() => service.app.close());

/** Files that the page consists of. Nobody asks for them by themselves. */
const PARTS_OF_DOCS = /^GET \/docs\//;

test('docs/openapi.json is it ("npm run openapi" writes it anew)', async () => {
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../../docs/openapi.json');
});

test('/openapi.json answers with it', async () => {
  const answer = await service.get('/openapi.json');
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(answer.json()).toEqual(JSON.parse(JSON.stringify(document)));
});

test('/docs and its files name no other host', async () => {
  const page = await service.get('/docs');
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  const parts = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '');
  expect(parts).toHaveLength(4);
  for (const url of parts) {
    expect(url).toMatch(/^\/docs\//);
    expect((await service.get(url)).statusCode, url).toBe(200);
  }
  expect(page.headers['content-security-policy']).toMatch(/^default-src 'none';/);
  expect(page.headers['content-security-policy']).not.toMatch(/\*|https?:|unsafe/);
});

const lint = async (source: string): Promise<string[]> => {
  // The two answers to addresses and methods that are no operation are used by none.
  const config = await createConfig({ extends: ['recommended-strict'], rules: { 'no-unused-components': 'off' } });
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  return problems.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`);
};

test('the linter finds nothing', async () => {
  expect(await lint(JSON.stringify(document))).toEqual([]);
});

test('the linter would find an example that does not fit, and a reference to nothing', async () => {
  const broken = JSON.stringify(document)
    .replace('"createdAt":"2025-11-21T08:00:00.000Z"', '"createdAt":5')
    .replace('"#/components/schemas/Stats"', '"#/components/schemas/Statistics"');
  expect((await lint(broken)).join('\n')).toMatch(
    /examples[\s\S]*no-unresolved-refs|no-unresolved-refs[\s\S]*examples/,
  );
});

describe('it names', () => {
  test('every address and method of the service, and no other', async () => {
    const addresses = addressesOf(service.app.printRoutes({ commonPrefix: false }));
    const served = (await Promise.all(addresses.map(operationsAt))).flat();
    const documented = Object.entries(document.paths ?? {}).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(served).toContain('GET /v1/items/{id}');
    expect(served.filter((route) => !PARTS_OF_DOCS.test(route)).toSorted()).toEqual(documented.toSorted());
  });

  test('every problem, with an example', () => {
    const responses = Object.values(document.components?.responses ?? {}) as { content?: object }[];
    const named = responses.flatMap(({ content }) => {
      const { examples } = Object(Object(content)['application/problem+json']) as { examples: object };
      return Object.keys(examples);
    });
    expect([...new Set(named)].toSorted()).toEqual(Object.keys(PROBLEMS).toSorted());
  });
});

/** The addresses in Fastify's drawing of them, a tree of which every level is four characters further in. */
function addressesOf(drawing: string): string[] {
  const parts: string[] = [];
  return drawing.split('\n').flatMap((line) => {
    const [, indent, part = ''] = /^([^/]*)(\/\S*) \(/.exec(line) ?? [];
    if (indent === undefined) return [];
    parts.splice(indent.length / 4 - 1, Infinity, part);
    return [parts.join('')];
  });
}

/** The operations of an address: what it allows, but for OPTIONS, and HEAD, which goes without saying. */
async function operationsAt(url: string): Promise<string[]> {
  const { headers } = await service.app.inject({ method: 'OPTIONS', url });
  const methods = String(headers['allow']).split(', ');
  return methods
    .filter((method) => method !== 'OPTIONS' && method !== 'HEAD')
    .map((method) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`);
}
