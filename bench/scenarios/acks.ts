// What it costs to wait for the replicas.
import { Instance } from '../../stack/instance.ts';
import { MASTER_NAME } from '../../stack/redis-node.ts';
import { instanceOf, startOurs } from '../candidate.ts';
import { compare } from '../compare.ts';
import type { Scenario } from '../scenario.ts';
import { pidsOf } from '../workshop.ts';

export const acks: Scenario = {
  name: 'acks',
  title: 'Waiting for every replica, and for none',
  about:
    'Two instances at the same Redis set, measured in turn: one answers when every promotable replica has the save, the other (`ACKS=0`) when the master has it.',
  async run({ workshop, times }) {
    const { launcher, ports, load } = workshop;
    const stack = await startOurs(workshop);
    const all = instanceOf(stack, 'ACKS=all');
    const careless = workshop.use(
      new Instance({
        launcher,
        name: 'careless',
        port: await ports.get('careless'),
        streamPort: await ports.get('careless-streams'),
        sentinels: '',
        secrets: stack.redis.secrets,
        masterName: MASTER_NAME,
        env: { REDIS_URL: `redis://${await stack.redis.master()}`, ACKS: '0' },
      }),
    );
    await careless.start();
    await careless.ready();
    const none = { ...all, name: 'ACKS=0', url: careless.url, pids: { ...all.pids, api: pidsOf([careless]) } };
    const shape = { connections: 64, work: { kind: 'save', contents: 'unique', contentBytes: 100 } } as const;
    const rounds = times.rounds + 2;
    return {
      rows: await compare({ name: '64 connections', shape, candidates: [all, none] }, { ...times, rounds }, load),
    };
  },
};
