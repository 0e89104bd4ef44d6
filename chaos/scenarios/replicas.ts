// Faults of replicas: alone, all of them, and together with the master.
import { rm } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../stack/wait.ts';
import { fact, failover, type Scenario, unconfirmed } from '../scenario.ts';

const FULL_COPY = 'a full copy to a replica';

export const REPLICAS: readonly Scenario[] = [
  {
    name: 'replica-kill',
    row: '8',
    what: 'a replica kill -9 and back, twice',
    mustSee: [unconfirmed],
    async run(chaos) {
      for (let i = 0; i < 2; i++) {
        const [replica] = (await chaos.roles()).replicas;
        await chaos.kill(replica);
        await chaos.savedMore(200);
        await chaos.start(replica);
        await chaos.set.settled();
      }
    },
  },
  {
    name: 'replica-pause',
    row: '8',
    what: 'a replica paused for 8 s',
    mustSee: [unconfirmed],
    async run(chaos) {
      const [replica] = (await chaos.roles()).replicas;
      chaos.pause(replica);
      await chaos.rest(8_000);
      chaos.resume(replica);
    },
  },
  {
    name: 'replica-resync',
    row: '8',
    what: 'a replica loses its disk and copies everything under load',
    mustSee: [unconfirmed, fact(FULL_COPY)],
    async run(chaos) {
      const { master, replicas } = await chaos.roles();
      const fullCopies = async (): Promise<number> =>
        Number(/^sync_full:(\d+)/m.exec(String(await chaos.ask(master, 'INFO', 'stats')))?.[1]);
      const before = await fullCopies();
      await chaos.kill(replicas[0]);
      await Promise.all(
        readdirSync(replicas[0].dir).map((name) => rm(join(replicas[0].dir, name), { recursive: true })),
      );
      await chaos.savedMore(200);
      await chaos.start(replicas[0]);
      await waitFor(async () => (await fullCopies()) > before, { timeoutMs: 20_000, what: 'no full copy' });
      chaos.fact(FULL_COPY);
    },
  },
  {
    name: 'both-replicas-pause',
    row: '8',
    what: 'one replica paused, then the other too: nothing may be acknowledged; then both go on',
    mustSee: [unconfirmed],
    async run(chaos) {
      const { replicas } = await chaos.roles();
      chaos.pause(replicas[0]);
      await chaos.rest(3_000);
      chaos.pause(replicas[1]);
      await chaos.rest(5_000);
      chaos.resume(...replicas);
    },
  },
  {
    name: 'lagging-survivor',
    row: '14',
    what: 'a replica lags for 0.7 s, then master and the other replica are killed and it alone is left',
    mustSee: [failover, unconfirmed],
    async run(chaos) {
      const { master, replicas } = await chaos.roles();
      chaos.pause(replicas[0]);
      await chaos.rest(700);
      await chaos.kill(master, replicas[1]);
      chaos.resume(replicas[0]);
      await chaos.failedOver(master);
      await chaos.rest(2_000);
      await chaos.start(master, replicas[1]);
    },
  },
  {
    name: 'stale-survivor',
    row: '14',
    what: 'a replica misses 6 s of saves, then master and the other replica are killed and it alone is left',
    mustSee: [unconfirmed],
    async run(chaos) {
      const { master, replicas } = await chaos.roles();
      chaos.pause(replicas[0]);
      await chaos.savedMore(200);
      await chaos.rest(4_000);
      await chaos.kill(master, replicas[1]);
      chaos.resume(replicas[0]);
      await chaos.rest(8_000);
      await chaos.start(master, replicas[1]);
    },
  },
  {
    name: 'redis-rolling',
    row: '19',
    what: 'every Redis node and every Sentinel stopped and started, one after the other',
    mustSee: [failover, unconfirmed],
    async run(chaos) {
      for (const node of [...chaos.set.nodes, ...chaos.sentinels]) {
        chaos.fault(`restart ${node.name}`);
        await node.stop();
        await chaos.start(node);
        await chaos.set.settled();
      }
    },
  },
];
