// The service in a real browser: /docs through nginx and past it, problem pages, scripts of other origins.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../../stack/stack.ts';
import { findBrowser, openPage, startBrowser, watch } from '../support/browser.ts';

const chromium = findBrowser();

describe.skipIf(chromium === null)('/docs', () => {
  let dir: string;
  let stack: Stack;
  let browser: Browser;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'items-docs-'));
    [stack, browser] = await Promise.all([
      startStack({ dir, instances: 1, env: { CORS_ORIGINS: '*' } }),
      startBrowser(chromium ?? ''),
    ]);
  });
  afterAll(async () => {
    await browser.close();
    await stack.stop();
    await rm(dir, { recursive: true, force: true });
  });

  describe.each([
    ['through nginx', () => stack.url],
    ['at an instance', () => stack.instances[0]!.url],
  ])('%s', (way, base) => {
    test('shows every operation of the document, and saves an item on request', async () => {
      const page = await openPage(browser);
      const seen = watch(page);
      await page.goto(`${base()}/docs`);
      await page.locator('.opblock').first().waitFor();
      expect(await operationsOn(page)).toEqual(await operationsOf(base()));

      const save = page.locator('#operations-items-saveItem');
      await save.locator('.opblock-summary-control').click();
      await save.getByRole('button', { name: 'Try it out' }).click();
      await save.locator('.body-param__text').fill(JSON.stringify({ content: `from a browser ${way}` }));
      await save.getByRole('button', { name: 'Execute' }).click();
      const answer = save.locator('.live-responses-table tbody .response').first();
      await answer.waitFor();
      expect(await answer.locator('.response-col_status').innerText()).toContain('201');

      expect(seen.errors).toEqual([]);
      expect(seen.urls.filter((url) => new URL(url).origin !== base() && !url.startsWith('data:'))).toEqual([]);
      expect(seen.urls).toContain(`${base()}/openapi.json`);
      await page.close();
    });

    test('a problem leads to its page, and that to all others', async () => {
      const page = await openPage(browser);
      const seen = watch(page);
      await page.goto(`${base()}/problems/duplicate-item`);
      expect(await page.locator('h1').innerText()).toBe('Duplicate item');
      await page.getByRole('link', { name: 'All problems' }).click();
      await page.getByRole('link', { name: 'storage-full' }).click();
      expect(await page.locator('h1').innerText()).toBe('Storage full');
      expect(seen.errors).toEqual([]);
      await page.close();
    });
  });

  test('a script of another origin may save, and read what it needs of the answer', async () => {
    const page = await openPage(browser);
    // Of all pages the one that lets scripts ask other hosts; another port is another origin.
    await page.goto(`${stack.instances[0]!.url}/openapi.json`);
    const answer = await page.evaluate(async (url) => {
      const headers = { 'content-type': 'application/json', 'idempotency-key': 'browser', prefer: 'handling=lenient' };
      const response = await fetch(url, { method: 'POST', headers, body: '{"content":"cross-origin"}' });
      return {
        status: response.status,
        location: response.headers.get('location'),
        etag: response.headers.get('etag'),
      };
    }, `${stack.url}/v1/items`);
    expect(answer).toEqual({
      status: 201,
      location: expect.stringMatching(/^\/v1\/items\//) as string,
      etag: expect.stringMatching(/^"/) as string,
    });
    await page.close();
  });

  test('a script from elsewhere would be refused', async () => {
    const page = await openPage(browser);
    const { errors } = watch(page);
    await page.goto(`${stack.url}/docs`);
    await page.locator('.opblock').first().waitFor();
    await expect(page.addScriptTag({ url: 'https://elsewhere.example/x.js' })).rejects.toThrow(/addScriptTag/);
    expect(errors.join('\n')).toMatch(/Content Security Policy/);
    await page.close();
  });
});

/** As the page shows them: `POST /v1/items Save an item`. */
async function operationsOn(page: Page): Promise<string[]> {
  const texts = await page
    .locator('.opblock-summary')
    .evaluateAll((elements) =>
      elements.map((element) =>
        ['method', 'path', 'description']
          .map((part) =>
            (element.querySelector(`.opblock-summary-${part}`)?.textContent ?? '').replaceAll('\u200b', ''),
          )
          .join(' '),
      ),
    );
  return texts.toSorted();
}

/** The same from the document. */
async function operationsOf(base: string): Promise<string[]> {
  const { paths } = (await (await fetch(`${base}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { summary: string }>>;
  };
  return Object.entries(paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { summary }]) => `${method.toUpperCase()} ${path} ${summary}`),
    )
    .toSorted();
}
