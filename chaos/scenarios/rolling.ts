// What an operator does on purpose, and clients must hardly notice: instances restarted, nginx reloaded.
import { execFileSync } from 'node:child_process';
import type { Part } from '../../stack/part.ts';
import { waitFor } from '../../stack/wait.ts';
import { fact, type Scenario } from '../scenario.ts';

const NEW_WORKERS = 'new workers of nginx';
const ALL_REPLACED = 'every instance replaced';

export const ROLLING: readonly Scenario[] = [
  {
    name: 'instances-rolling',
    row: '18',
    what: 'every instance stopped and started one after the other',
    unnoticed: true,
    mustSee: [fact(ALL_REPLACED)],
    async run(chaos) {
      for (const instance of chaos.instances) {
        chaos.fault(`restart ${instance.name}`);
        await instance.stop();
        await chaos.savedMore(50);
        await chaos.start(instance);
        await instance.ready();
        await chaos.savedMore(50);
      }
      chaos.fact(ALL_REPLACED);
    },
  },
  {
    // Not "unnoticed": the old workers close the connections that clients keep, some of them just as a request is sent.
    name: 'nginx-reload',
    row: '18',
    what: 'nginx reloaded five times',
    mustSee: [fact(NEW_WORKERS)],
    async run(chaos) {
      const { nginx } = chaos.stack;
      for (let i = 0; i < 5; i++) {
        const before = workersOf(nginx);
        chaos.fault('reload nginx');
        await nginx.kill('SIGHUP');
        const isReloaded = (): boolean => workersOf(nginx).some((worker) => !before.includes(worker));
        await waitFor(isReloaded, { timeoutMs: 10_000, what: 'nginx started no new workers' });
        await chaos.savedMore(50);
      }
      chaos.fact(NEW_WORKERS);
    },
  },
];

function workersOf(nginx: Part): string[] {
  return execFileSync('pgrep', ['-P', `${nginx.pid}`])
    .toString()
    .trim()
    .split('\n');
}
