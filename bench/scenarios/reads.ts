// Reading: single items, and pages.
import { instanceOf, startOurs } from '../candidate.ts';
import { compare } from '../compare.ts';
import type { Row } from '../report.ts';
import type { Scenario } from '../scenario.ts';

type Page = { readonly items: readonly { readonly id: string }[] };

export const reads: Scenario = {
  name: 'reads',
  title: 'Reading',
  about: 'Over 16 connections, from an instance whose store was filled with some thousand items of 100 bytes.',
  async run({ workshop, times }) {
    const ours = instanceOf(await startOurs(workshop));
    await workshop.load.run({
      url: ours.url,
      work: { kind: 'batch', items: 100, contentBytes: 100 },
      connections: 4,
      durationMs: 1_000,
      seed: 'read',
    });
    const { items } = (await (await fetch(`${ours.url}/v1/items?limit=1000`)).json()) as Page;
    const cases = {
      'one item by its id': items.map(({ id }) => `/v1/items/${id}`),
      'a page of 100': ['/v1/items?limit=100'],
      'a page of 1,000': ['/v1/items?limit=1000'],
    };
    const rows: Row[] = [];
    for (const [name, paths] of Object.entries(cases)) {
      const shape = { connections: 16, work: { kind: 'read', paths } } as const;
      rows.push(...(await compare({ name, shape, candidates: [ours] }, times, workshop.load)));
    }
    return { rows };
  },
};
