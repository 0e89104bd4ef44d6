// The status page in a real browser, through nginx and at a node: what it shows under load, and while the master dies.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../../stack/stack.ts';
import { waitFor } from '../../stack/wait.ts';
import { findBrowser, openPage, startBrowser, watch } from '../support/browser.ts';
import { post, startLoad } from '../support/http-load.ts';

const chromium = findBrowser();
const eventually = { timeoutMs: 120_000, everyMs: 100 };

const textOf = (page: Page, selector: string): Promise<string> => page.locator(selector).first().innerText();
const becomes = (page: Page, selector: string, wanted: RegExp | string) =>
  waitFor(async () => new RegExp(wanted).test(await textOf(page, selector)), {
    ...eventually,
    what: `${selector} did not become ${String(wanted)}`,
  });
/** From now on keeps all that an element shows, however short a time: a busy machine may not look in that time. */
async function record(page: Page, selector: string): Promise<() => Promise<string[]>> {
  // As a text: the browser's own names are not known here.
  await page.evaluate(`{
    const element = document.querySelector(${JSON.stringify(selector)});
    window.shown = [element.innerText];
    new MutationObserver(() => window.shown.push(element.innerText)).observe(element, { childList: true, subtree: true });
  }`);
  return () => page.evaluate<string[]>('window.shown');
}
const valueOf = async (page: Page, name: string): Promise<number> =>
  Number((await textOf(page, `figure.${name} b`)).replaceAll(',', ''));
const isAbove = (page: Page, name: string, least: number) =>
  waitFor(async () => (await valueOf(page, name)) > least, { ...eventually, what: `nothing is ${name}` });
/** How many moments a plot shows, and how high the highest is: 0 is a flat line at the bottom. */
const curveOf = async (page: Page, name: string): Promise<{ points: number; height: number }> => {
  const path = (await page.locator(`figure.${name} .curve`).getAttribute('d')) ?? '';
  const ys = [...path.matchAll(/[ML][\d.-]+ ([\d.-]+)/g)].map(([, y]) => Number(y));
  return { points: ys.length, height: 40 - Math.min(40, ...ys) };
};

describe.skipIf(chromium === null)('/status', () => {
  let dir: string;
  let stack: Stack;
  let browser: Browser;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'items-status-'));
    [stack, browser] = await Promise.all([startStack({ dir, instances: 2 }), startBrowser(chromium ?? '')]);
  });
  afterAll(async () => {
    await browser.close();
    await stack.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('shows what is saved and rejected, all instances together, and the set behind them', async () => {
    const page = await openPage(browser);
    const seen = watch(page);
    await page.goto(`${stack.url}/status`);
    await becomes(page, '#taking-count', '^2 of 2 take traffic$');
    await becomes(page, '#master', `^${await stack.redis.master()}$`);
    await becomes(page, '#sentinels', '^3 of 3 answer$');
    expect(await page.locator('#nodes tbody tr').count()).toBe(3);
    await waitFor(async () => (await page.locator('#nodes .good').count()) === 3, {
      ...eventually,
      what: 'a replica is not in sync',
    });
    await becomes(page, '#connection', '^live$');
    expect((await curveOf(page, 'saved')).height).toBe(0);

    const load = startLoad(stack.url, 'shown', 4);
    const refusing = sendAgainAndAgain(async () => {
      await post(stack.url, 'the same');
      await post(stack.url, '');
    });
    await Promise.all(['saved', 'duplicates', 'refused'].map((name) => isAbove(page, name, 0)));
    // Both take part: the requests go to either, and the page shows the sum.
    await waitFor(
      async () => {
        const cells = await page.locator('#instances tbody td:nth-child(3)').allInnerTexts();
        return cells.length === 2 && cells.every((text) => text !== '0');
      },
      { ...eventually, what: 'an instance saves nothing' },
    );
    const before = await curveOf(page, 'saved');
    expect(before.height).toBeGreaterThan(0);
    await waitFor(async () => (await curveOf(page, 'saved')).points > before.points + 2, {
      ...eventually,
      what: 'the plot stands still',
    });
    await refusing.stop();
    expect((await load.stop()).failures).toEqual({});
    await waitFor(async () => (await valueOf(page, 'saved')) === 0, { ...eventually, what: 'the rate did not fall' });

    expect(seen.errors).toEqual([]);
    expect(seen.urls.filter((url) => new URL(url).origin !== stack.url && !url.startsWith('data:'))).toEqual([]);
    await page.close();
  });

  test('goes on while the master dies, says that there is none, then who the new one is', async () => {
    const pages = await Promise.all([openPage(browser), openPage(browser)]);
    const seen = pages.map(watch);
    await pages[0].goto(`${stack.url}/status`);
    await pages[1].goto(`${stack.instances[0]!.url}/status`);
    const load = startLoad(stack.url, 'failover', 4);
    const master = await stack.redis.masterNode();
    await Promise.all(pages.map((page) => becomes(page, '#master', `^${master.address}$`)));
    await Promise.all(pages.map((page) => isAbove(page, 'saved', 0)));

    const masters = await Promise.all(pages.map((page) => record(page, '#master')));
    await master.kill();
    for (const shown of masters) {
      await waitFor(async () => (await shown()).some((text) => text.startsWith('no master')), {
        ...eventually,
        what: 'no page said that there is no master',
      });
    }
    await Promise.all(pages.map((page) => becomes(page, '#master', '^127')));
    const next = await stack.redis.master();
    expect(next).not.toBe(master.address);
    for (const page of pages) {
      expect(await textOf(page, '#master')).toBe(next);
      await becomes(page, '#failover', `ago, from ${master.address} to ${next}, without a master for [\\d.]+\\ss$`);
      await becomes(page, '#nodes', new RegExp(`${master.address}\\s+(down|not connected)`));
      await isAbove(page, 'saved', 0);
      await becomes(page, '#taking-count', '^2 of 2 take traffic$');
      expect(await page.locator('figure.saved .change').getAttribute('d')).toMatch(/^M[\d.]+ 0V40$/);
    }
    await master.start();
    await Promise.all(pages.map((page) => becomes(page, '#nodes', new RegExp(`${master.address}\\s+in sync`))));
    await load.stop();
    expect(seen.map(({ errors }) => errors)).toEqual([[], []]);
    await Promise.all(pages.map((page) => page.close()));
  });

  test('an instance that stops is shown as such, and whoever watched it is shown the rest by another one', async () => {
    const page = await openPage(browser);
    await page.goto(`${stack.url}/status`);
    await becomes(page, '#taking-count', '^2 of 2 take traffic$');
    const teller = await textOf(page, '#teller');
    const told = stack.instances.find(({ port }) => teller.endsWith(`:${port}`))!;
    await told.stop();
    await becomes(page, '#teller', `:${stack.instances.find((other) => other !== told)?.port}$`);
    await becomes(page, '#taking-count', '^1 of [12] take');
    await becomes(page, '#connection', '^live$');
    await told.start();
    await told.ready();
    await becomes(page, '#taking-count', '^2 of [23] take');
    await expect.poll(() => textOf(page, '#connection'), { timeout: 120_000, interval: 100 }).toBe('live');
    await page.close();
  });

  test.each(['light', 'dark'] as const)('is readable on a phone, %s', async (colorScheme) => {
    const page = await browser.newPage({ viewport: { width: 360, height: 740 }, colorScheme });
    await page.goto(`${stack.url}/status`);
    await becomes(page, '#taking-count', 'take traffic');
    // As a text: the browser's own names are not known here.
    const { width, colors } = await page.evaluate<{ width: number; colors: string[] }>(
      `({ width: document.documentElement.scrollWidth,
          colors: ['color', 'backgroundColor'].map((name) => getComputedStyle(document.body)[name]) })`,
    );
    // Nothing has to be pushed aside; tables scroll by themselves.
    expect(width).toBe(360);
    const [text = 0, back = 0] = colors.map((color) => Number(/\d+/.exec(color)?.[0]));
    expect(text > back).toBe(colorScheme === 'dark');
    await page.close();
  });
});

/** Does something over and over, one at a time. */
function sendAgainAndAgain(work: () => Promise<unknown>): { stop(): Promise<void> } {
  const end = new AbortController();
  const running = (async () => {
    while (!end.signal.aborted) await work();
  })();
  return {
    async stop() {
      end.abort();
      await running;
    },
  };
}
