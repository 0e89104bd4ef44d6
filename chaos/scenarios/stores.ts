// Redis alive but unable: out of memory, disk full, loading, busy, paused, without its scripts or its replicas.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RedisNode } from '../../stack/redis-node.ts';
import { waitFor } from '../../stack/wait.ts';
import type { Chaos } from '../chaos.ts';
import { fillDisk } from '../full-disk.ts';
import { fact, failover, reason, type Scenario, unconfirmed } from '../scenario.ts';
import { failOverByHand } from './masters.ts';

const LOADED_AGAIN = 'a script that had to be loaded again';
const LOADING = 'a master that answered LOADING';
const DISK_FULL = 'a full disk';
const NO_REPLICAS = 'writes that the master refused with NOREPLICAS';
/** About as many commands as an item has in the append-only file. */
const COMMANDS_PER_SAVE = 6;
/** What a sleep of one microsecond takes. */
const SHORTEST_SLEEP = 60;

export const STORES: readonly Scenario[] = [
  {
    name: 'script-flush',
    row: '17',
    what: 'the script cache flushed again and again, then a new master',
    mustSee: [fact(LOADED_AGAIN), failover],
    async run(chaos) {
      const master = await chaos.master();
      const loads = async (): Promise<number> =>
        Number(
          /^cmdstat_script\|load:calls=(\d+)/m.exec(String(await chaos.ask(master, 'INFO', 'commandstats')))?.[1] ?? 0,
        );
      const before = await loads();
      chaos.fault('SCRIPT FLUSH, 100 times');
      for (let i = 0; i < 100; i++) {
        await Promise.all(chaos.set.nodes.map((node) => chaos.ask(node, 'SCRIPT', 'FLUSH', 'SYNC')));
        await chaos.rest(chaos.dice.between(0, 60));
      }
      if ((await loads()) > before + 5) chaos.fact(LOADED_AGAIN);
      await failOverByHand(chaos);
    },
  },
  {
    name: 'out-of-memory',
    row: '20',
    what: 'maxmemory of the master below what it holds, for 4 s',
    mustSee: [reason('oom')],
    run: (chaos) => withSetting(chaos, 'maxmemory', '1mb', 4_000),
  },
  {
    name: 'disk-full',
    row: '20',
    what: 'the disk under the master’s append-only file full, for 8 s',
    needs: ['namespace'],
    mustSee: [fact(DISK_FULL), reason('misconf')],
    async run(chaos) {
      const master = await chaos.master();
      const filler = join(master.dir, 'filler');
      chaos.fault(`fill the disk of ${master.name}`);
      try {
        fillDisk(filler);
        chaos.fact(DISK_FULL);
        await chaos.rest(8_000);
      } finally {
        rmSync(filler, { force: true });
      }
    },
  },
  {
    name: 'no-replicas',
    row: '20',
    what: 'the master takes no writes for want of replicas (min-replicas-to-write), for 3 s',
    // The lock is asked for first and refused already, so no commit ever hears of it.
    mustSee: [fact(NO_REPLICAS)],
    async run(chaos) {
      const master = await chaos.master();
      const before = await refusals(chaos, master);
      await withSetting(chaos, 'min-replicas-to-write', '3', 3_000);
      if ((await refusals(chaos, master)) > before) chaos.fact(NO_REPLICAS);
    },
  },
  {
    name: 'loading',
    row: '20',
    what: 'the master loads its append-only file for some seconds',
    mustSee: [fact(LOADING)],
    async run(chaos) {
      const master = await chaos.master();
      const commands = Math.max(1, Number(await chaos.ask(master, 'DBSIZE')) * COMMANDS_PER_SAVE);
      await chaos.ask(master, 'CONFIG', 'SET', 'loading-process-events-interval-bytes', '1024');
      await chaos.ask(master, 'CONFIG', 'SET', 'key-load-delay', `${delayFor(commands)}`);
      chaos.fault(`${master.name} loads its data anew`);
      void chaos.ask(master, 'DEBUG', 'LOADAOF').catch(() => {});
      for (let i = 0; i < 10; i++) {
        await chaos.rest(200);
        const answer = await chaos.ask(master, 'GET', 'any').catch(String);
        if (String(answer).includes('LOADING')) chaos.fact(LOADING);
      }
      const isLoaded = async (): Promise<boolean> =>
        /^loading:0/m.test(String(await chaos.ask(master, 'INFO', 'persistence')));
      await waitFor(isLoaded, { timeoutMs: 60_000, what: `${master.name} did not finish loading` });
      await chaos.ask(master, 'CONFIG', 'SET', 'key-load-delay', '0');
    },
  },
  {
    name: 'busy',
    row: '20',
    what: 'somebody’s script keeps the master busy for 2.5 s, twice',
    mustSee: [reason('busy')],
    async run(chaos) {
      for (let i = 0; i < 2; i++) {
        const master = await chaos.master();
        chaos.fault(`${master.name} is busy for 2.5 s`);
        const loop = `local t = redis.call("TIME")[1] + 3 while redis.call('TIME')[1] + 0 < t do end return 1`;
        await chaos.ask(master, 'EVAL', loop, '0').catch(() => {});
        await chaos.rest(3_000);
      }
    },
  },
  {
    name: 'client-pause',
    row: '20',
    what: 'the master puts all writes off for 5 s (CLIENT PAUSE)',
    mustSee: [unconfirmed],
    async run(chaos) {
      const master = await chaos.master();
      chaos.fault(`CLIENT PAUSE at ${master.name}`);
      await chaos.ask(master, 'CLIENT', 'PAUSE', '5000', 'WRITE');
      await chaos.rest(5_000);
    },
  },
];

/** For about 3 s in all: microseconds of sleep per command, or minus the number of commands for each sleep. */
function delayFor(commands: number): number {
  const microseconds = 3_000_000 / commands;
  return microseconds > SHORTEST_SLEEP
    ? Math.round(microseconds - SHORTEST_SLEEP + 1)
    : -Math.ceil(SHORTEST_SLEEP / microseconds);
}

async function withSetting(chaos: Chaos, name: string, value: string, ms: number): Promise<void> {
  const master: RedisNode = await chaos.master();
  const [, before] = (await chaos.ask(master, 'CONFIG', 'GET', name)) as [string, string];
  chaos.fault(`${name} ${value} at ${master.name}`);
  await chaos.ask(master, 'CONFIG', 'SET', name, value);
  await chaos.rest(ms);
  await chaos.ask(master, 'CONFIG', 'SET', name, before);
}

/** How often the node has answered NOREPLICAS. */
async function refusals(chaos: Chaos, node: RedisNode): Promise<number> {
  const stats = String(await chaos.ask(node, 'INFO', 'errorstats'));
  return Number(/^errorstat_NOREPLICAS:count=(\d+)/m.exec(stats)?.[1] ?? 0);
}
