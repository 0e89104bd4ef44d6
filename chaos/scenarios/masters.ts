// Faults of the master: it dies, hangs, comes back too soon or with nothing, hands over, dies again.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rm } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { secretsOf } from '../../stack/secrets.ts';
import type { Chaos } from '../chaos.ts';
import { fact, failover, type Scenario, twoFailovers, unconfirmed } from '../scenario.ts';

const runFile = promisify(execFile);
const SWITCHOVER = fileURLToPath(new URL('../../ops/redis/switchover.sh', import.meta.url));

const NEVER_MASTER = 'an emptied node that was kept from being master';

export const MASTERS: readonly Scenario[] = [
  {
    name: 'master-kill',
    row: '5',
    what: 'master kill -9, back as a replica',
    mustSee: [failover, unconfirmed],
    async run(chaos) {
      const master = await chaos.master();
      await chaos.kill(master);
      await chaos.failedOver(master);
      await chaos.savedMore(200);
      await chaos.start(master);
    },
  },
  {
    name: 'master-back-at-once',
    row: '6',
    what: 'master kill -9, started again after 150 ms',
    mustSee: [unconfirmed],
    async run(chaos) {
      const master = await chaos.master();
      await chaos.kill(master);
      await chaos.rest(150);
      await chaos.start(master);
      await chaos.savedMore(200);
    },
  },
  {
    name: 'master-back-empty',
    row: '6',
    what: 'master kill -9, its directory emptied, started again after 150 ms',
    mustSee: [failover, fact(NEVER_MASTER)],
    async run(chaos) {
      const master = await chaos.master();
      await chaos.kill(master);
      chaos.fault(`empty the directory of ${master.name}`);
      // Its contents and not itself: a file system may be mounted on it.
      await Promise.all(readdirSync(master.dir).map((name) => rm(join(master.dir, name), { recursive: true })));
      await chaos.rest(150);
      await chaos.start(master);
      await chaos.failedOver(master);
      chaos.fact(NEVER_MASTER);
      await chaos.savedMore(200);
    },
  },
  {
    name: 'master-and-sentinel-kill',
    row: '5',
    what: 'master and one Sentinel kill -9 together',
    mustSee: [failover, unconfirmed],
    async run(chaos) {
      const master = await chaos.master();
      const sentinel = chaos.dice.pick(chaos.sentinels);
      await chaos.kill(master, sentinel);
      await chaos.failedOver(master);
      await chaos.savedMore(200);
      await chaos.start(sentinel, master);
    },
  },
  { ...pausedMaster(6_000), name: 'master-pause-6s', row: '7' },
  { ...pausedMaster(30_000), name: 'master-pause-30s', row: '7' },
  {
    name: 'switchover',
    row: '9',
    what: 'ops/redis/switchover.sh, three times',
    unnoticed: true,
    mustSee: [failover],
    async run(chaos) {
      for (let i = 0; i < 3; i++) {
        chaos.fault(`switch over from ${(await chaos.master()).name}`);
        const SECRETS = secretsOf(chaos.set.secrets, 'operator');
        await runFile('sh', [SWITCHOVER], { env: { ...process.env, SENTINELS: chaos.set.sentinels, SECRETS } });
        await chaos.savedMore(200);
        await chaos.set.settled();
      }
    },
  },
  {
    name: 'failover-by-hand',
    row: '9',
    what: 'SENTINEL FAILOVER, three times',
    mustSee: [failover, unconfirmed],
    async run(chaos) {
      for (let i = 0; i < 3; i++) {
        await failOverByHand(chaos);
        await chaos.savedMore(200);
        await chaos.set.settled();
      }
    },
  },
  {
    name: 'second-failover',
    row: '15',
    what: 'the new master dies while the old one is still joining it',
    mustSee: [twoFailovers, unconfirmed],
    async run(chaos) {
      const second = await failOverByHand(chaos);
      await chaos.rest(chaos.dice.between(300, 2_300));
      await chaos.kill(second);
      await chaos.failedOver(second);
      await chaos.savedMore(200);
      await chaos.start(second);
    },
  },
  {
    name: 'all-kill',
    row: '22',
    what: 'all Redis nodes kill -9 at once, restarted in random order',
    mustSee: [unconfirmed],
    async run(chaos) {
      await chaos.kill(...chaos.set.nodes);
      for (const node of chaos.dice.shuffle(chaos.set.nodes)) {
        await chaos.rest(chaos.dice.between(0, 1_500));
        await chaos.start(node);
      }
    },
  },
];

function pausedMaster(ms: number): Omit<Scenario, 'name' | 'row'> {
  return {
    what: `master paused for ${ms / 1000} s (failure detection: 1 s), then it goes on`,
    mustSee: [failover, unconfirmed],
    async run(chaos) {
      const master = await chaos.master();
      chaos.pause(master);
      await chaos.rest(ms);
      // Before it goes on: it must come back to a set that has moved on.
      await chaos.failedOver(master);
      chaos.resume(master);
    },
  };
}

/** Has Sentinel promote a replica now; returns the new master. */
export async function failOverByHand(chaos: Chaos): Promise<Awaited<ReturnType<Chaos['master']>>> {
  const master = await chaos.master();
  chaos.fault(`SENTINEL FAILOVER from ${master.name}`);
  await chaos.ask(chaos.dice.pick(chaos.sentinels), 'SENTINEL', 'FAILOVER', chaos.set.masterName);
  return chaos.failedOver(master);
}
