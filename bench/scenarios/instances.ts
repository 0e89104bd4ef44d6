// Through nginx, with one, two and four instances behind it.
import type { Candidate } from '../candidate.ts';
import { startOurs } from '../candidate.ts';
import { compare } from '../compare.ts';
import type { Row } from '../report.ts';
import type { Scenario } from '../scenario.ts';
import { pidsOf, Workshop } from '../workshop.ts';

export const instances: Scenario = {
  name: 'instances',
  title: 'Through nginx, with more instances',
  about:
    'New contents of 100 bytes over 64 connections to nginx. More instances than cores do not make it faster; what they add to the work of the others is seen.',
  async run({ times, workshop: { load } }) {
    const rows: Row[] = [];
    for (const count of [1, 2, 4]) {
      await using workshop = await Workshop.open();
      const stack = await startOurs(workshop, { instances: count });
      const [master, ...replicas] = stack.redis.nodes;
      if (master === undefined) throw new Error('the stack has no master');
      const candidate: Candidate = {
        name: 'ours',
        url: stack.url,
        pids: {
          api: pidsOf(stack.instances),
          nginx: pidsOf([stack.nginx]),
          database: pidsOf([master]),
          replicas: pidsOf(replicas),
        },
      };
      const shape = { connections: 64, work: { kind: 'save', contents: 'unique', contentBytes: 100 } } as const;
      const name = count === 1 ? '1 instance' : `${count} instances`;
      rows.push(...(await compare({ name, shape, candidates: [candidate] }, times, load)));
    }
    return { rows };
  },
};
