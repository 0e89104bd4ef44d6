// The machine's own Chromium, without a window.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

const NAMES = ['chromium', 'google-chrome', 'chromium-browser'];
const MACOS = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/** Where a Chromium is, or null. With REQUIRE_BROWSER=1 none is an error and no reason to test less. */
export function findBrowser(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const paths = [...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))), MACOS];
  const found = paths.find(isExecutable) ?? null;
  if (found === null && process.env['REQUIRE_BROWSER'] === '1')
    throw new Error('REQUIRE_BROWSER=1, and no Chromium is here');
  return found;
}

/** Starts it. It asks nobody for updates, so that every request that it makes is the page's. */
export function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      // Root, as in containers, has no sandbox; the only pages are our own.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Opens a page that waits longer than by default (30 s): two busy cores take their time for Swagger UI. */
export async function openPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  return page;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** All that a page asks for, and all that it complains of. */
export function watch(page: Page): { readonly urls: string[]; readonly errors: string[] } {
  const seen = { urls: [] as string[], errors: [] as string[] };
  page.on('request', (request) => seen.urls.push(request.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) seen.errors.push(message.text());
  });
  page.on('pageerror', (error) => seen.errors.push(error.message));
  return seen;
}
